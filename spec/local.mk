# spec
