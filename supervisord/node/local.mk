# node
include supervisord/node/api.mk
