# node
include supervisord/node/node.mk
include supervisord/node/api.mk
