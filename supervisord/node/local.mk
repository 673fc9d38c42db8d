# node
include supervisord/node/links.mk
include supervisord/node/node.mk
include supervisord/node/api.mk
