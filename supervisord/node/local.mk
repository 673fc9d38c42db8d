# node
include supervisord/node/links.mk
