# servers.sh - start, watch and stop the servers that perf/ledger measures
#
# Read by perf/ledger (". http/servers.sh"). Everything that runs is started here and is
# in $running or is the PostgreSQL server, so that the trap at the end of the script
# leaves nothing behind. Files are in $work, a directory of our own.

running=
postgres_bin=

have()
{
	command -v "$1" >/dev/null 2>&1
}

# What has been measured until then is not lost.
die()
{
	[ ! -s "${lines:-}" ] || say_results
	echo "perf/ledger: $*" >&2
	exit 1
}

stop_all()
{
	# A client that holds connections ends with its standard input.
	exec 8>&-
	for each in $running; do
		kill "$each" 2>/dev/null || true
	done
	for each in $running; do
		wait "$each" 2>/dev/null || true
	done
	[ -z "$postgres_bin" ] || postgres_stop
	[ -z "$work" ] || rm -rf "$work"
}

# NAME COMMAND...: start it with its output in $work/NAME.out; its process is $pid.
start()
{
	out=$work/$1.out
	shift
	# Not left to the new process: who waits for its words may look before it does.
	: >"$out"
	"$@" >>"$out" 2>&1 &
	pid=$!
	running="$running $pid"
}

# PID: end it, and wait.
stop()
{
	kill "$1" 2>/dev/null || true
	wait "$1" 2>/dev/null || true
	left=
	for each in $running; do
		[ "$each" = "$1" ] || left="$left $each"
	done
	running=$left
}

# NAME: wait until the program started as NAME says where it listens: $url.
wait_for_url()
{
	tries=0
	url=
	while [ -z "$url" ]; do
		url=$(sed -n 's/.*listening at \(http[^ ]*\).*/\1/p' "$work/$1.out")
		[ -z "$url" ] || break
		tries=$((tries + 1))
		[ $tries -lt 200 ] && kill -0 "$pid" 2>/dev/null ||
			die "$1 does not start: $(cat "$work/$1.out")"
		sleep 0.05
	done
	url=${url%/}
}

# DATABASE ARG...: ${prefix} the ledger. $url, $pid.
start_ledger()
{
	database=$1
	shift
	start ledger ${prefix:-} "$build/ledger" --db "$database" \
		--listen 127.0.0.1:0 "$@"
	wait_for_url ledger
}

# FILE: the libuv server that answers with it. $url, $pid.
start_uv()
{
	start uv ${prefix:-} "$build/http_uv" 0 "$1"
	wait_for_url uv
}

nginx_config()
{
	cat <<-END
	daemon off;
	worker_processes 1;
	worker_rlimit_nofile 20000;
	pid $work/nginx.pid;
	error_log $work/nginx.log;
	$([ "$(id -u)" != 0 ] || echo 'user root;')
	events { worker_connections 16000; }
	http {
		access_log off;
		server_tokens off;
		keepalive_requests 1000000000;
		keepalive_timeout 600s;
		default_type text/plain;
		client_body_temp_path $work/nginx-body;
		proxy_temp_path $work/nginx-proxy;
		fastcgi_temp_path $work/nginx-fastcgi;
		uwsgi_temp_path $work/nginx-uwsgi;
		scgi_temp_path $work/nginx-scgi;
		server {
			listen 127.0.0.1:$1 backlog=4096;
			location / { return 404; }
			location = /health { return 200 "ok\n"; }
		}
	}
	END
}

# ${prefix} nginx, on the first free port from a number on that runs do not share.
start_nginx()
{
	port=$((10000 + $$ % 20000))
	while [ $port -lt 32000 ]; do
		nginx_config $port >"$work/nginx.conf"
		start nginx ${prefix:-} nginx -c "$work/nginx.conf" \
			-e "$work/nginx.log"
		url=http://127.0.0.1:$port
		tries=0
		while [ $tries -lt 40 ] && kill -0 "$pid" 2>/dev/null; do
			! "$build/http_get" "$url" /health >/dev/null 2>&1 ||
				[ ! -s "$work/nginx.pid" ] || return 0
			tries=$((tries + 1))
			sleep 0.05
		done
		stop "$pid"
		port=$((port + 1))
	done
	die "nginx does not start: $(cat "$work/nginx.log" "$work/nginx.out")"
}

# --- PostgreSQL -------------------------------------------------------------

# A command as the user that PostgreSQL runs as: it refuses root.
as_postgres()
{
	if [ "$(id -u)" = 0 ]; then
		setpriv --reuid=postgres --regid=postgres --clear-groups "$@"
	else
		"$@"
	fi
}

postgres_find()
{
	for dir in "$(pg_config --bindir 2>/dev/null || true)" \
		/usr/lib/postgresql/*/bin; do
		[ -x "$dir/initdb" ] && echo "$dir" && return 0
	done
	return 1
}

# A server of our own, on a socket in $work alone. Its defaults are Debian's and
# PostgreSQL's but for the number of connections: fsync is on.
postgres_start()
{
	postgres_bin=$(postgres_find) || return 1
	mkdir "$work/postgres"
	[ "$(id -u)" != 0 ] || chown postgres "$work/postgres"
	chmod 755 "$work"
	as_postgres "$postgres_bin/initdb" -D "$work/postgres/data" -U postgres \
		-A trust -E UTF8 --locale=C >"$work/initdb.out" 2>&1 ||
		die "initdb: $(cat "$work/initdb.out")"
	as_postgres "$postgres_bin/pg_ctl" -D "$work/postgres/data" -w -s \
		-l "$work/postgres/log" -o "-k $work/postgres -h '' -N 300" start ||
		die "PostgreSQL does not start: $(cat "$work/postgres/log")"
	postgres_url="postgresql://postgres@$(printf %s "$work/postgres" |
		sed 's:/:%2F:g')"
}

postgres_stop()
{
	as_postgres "$postgres_bin/pg_ctl" -D "$work/postgres/data" -w -s -m fast \
		stop >/dev/null 2>&1 || true
	postgres_bin=
}

# SQL...: each by itself.
postgres_do()
{
	for sql; do
		"$postgres_bin/psql" -q -h "$work/postgres" -U postgres \
			-v ON_ERROR_STOP=1 -c "$sql" postgres 2>&1 |
			grep -v NOTICE || true
	done
}

# --- what they use -----------------------------------------------------------

# PID: it and its children.
tree()
{
	echo "$1"
	cat /proc/"$1"/task/*/children 2>/dev/null || true
}

# PID: CPU time of it and its children so far, in clock ticks.
ticks()
{
	for p in $(tree "$1"); do
		sed 's/.*) //' "/proc/$p/stat"
	done | awk '{ all += $12 + $13 } END { print all }'
}

# PID: their resident memory, in bytes.
resident()
{
	for p in $(tree "$1"); do
		cat "/proc/$p/smaps_rollup"
	done | awk '$1 == "Rss:" { all += $2 } END { printf "%.0f\n", all * 1024 }'
}

# What the kernel has for sockets and the rest, in bytes: of both ends.
kernel_memory()
{
	awk '$1 == "Slab:" { all = $2 * 1024 }
	     $1 == "TCP:" { for (i = 2; i < NF; i += 2)
			if ($i == "mem") all += $(i + 1) * 4096 }
	     END { printf "%.0f\n", all }' /proc/meminfo /proc/net/sockstat
}
