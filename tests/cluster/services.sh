# The 60 instances that the tests of three hosts run, real servers among them.
# sixty FILE
sixty() {
	local nginx=$T/nginx
	mkdir -p "$nginx"
	for i in 1 2; do
		mkdir -p "$nginx/$i"
		cat >"$nginx/$i/nginx.conf" <<-END
			daemon off;
			pid $nginx/$i/pid;
			error_log stderr;
			events {}
			http {
				access_log off;
				server { listen 127.0.0.1:808$i; }
			}
		END
	done
	cat >"$1" <<-END
		services:
		  sleeper:
		    command: [/bin/sleep, "200001"]
		    user: root
		    replicas: 55
		    labels: {team: ${LABEL:-night}}
		  redis:
		    command: [redis-server, --port, "0", --unixsocket, "$T/redis-%i.sock", --save, "", --dir, /tmp]
		    user: root
		    instances: [one, two, three]
		  nginx:
		    command: [nginx, -c, "$nginx/%i/nginx.conf"]
		    user: root
		    replicas: 2
	END
	command -v redis-server >/dev/null || skip "redis-server is not installed"
	command -v nginx >/dev/null || skip "nginx is not installed"
}

# Every one of the sixty runs exactly once, in the whole cluster.
sixty_run_once() {
	[ "$(processes '^/bin/sleep 200001' | wc -l)" = 55 ] &&
		[ "$(processes 'redis-server' | wc -l)" = 3 ] &&
		[ "$(processes 'nginx: master' | wc -l)" = 2 ]
}

all_sixty_ready() {
	ready_count_is "$1" 60
}
