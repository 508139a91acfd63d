# database.sh - the two benchmarks that need a database with something in it
#
# Read by perf/ledger. Every run begins with a copy of the same database: the ledger has
# made the tables, and ledger_plain the accounts and transfers, in the ledger's own SQL.

# [TRANSFERS]: $work/template.db, with $accounts accounts; once.
sqlite_template()
{
	transfers=${1:-0}
	[ "$(cat "$work/template.size" 2>/dev/null)" != "$transfers" ] || return 0
	rm -f "$work"/template.db*
	prefix=
	start_ledger "sqlite:$work/template.db"
	stop "$pid"
	"$build/ledger_plain" fill "sqlite:$work/template.db" $accounts "$transfers" ||
		die "ledger_plain fill"
	[ ! -s "$work/template.db-wal" ] || die "the template has a log"
	echo "$transfers" >"$work/template.size"
}

# The database "template" of the PostgreSQL server; once.
postgres_template()
{
	[ ! -e "$work/template.postgres" ] || return 0
	postgres_do "CREATE DATABASE ledger_template"
	prefix=
	start_ledger "$postgres_url/ledger_template"
	stop "$pid"
	"$build/ledger_plain" fill "$postgres_url/ledger_template" $accounts 0 ||
		die "ledger_plain fill"
	: >"$work/template.postgres"
}

# ENGINE: a new database, $database.
fresh()
{
	case $1 in
	sqlite-*)
		rm -f "$work"/fresh.db*
		cp "$work/template.db" "$work/fresh.db"
		sync "$work/fresh.db"
		database="sqlite:$work/fresh.db?synchronous=${1#sqlite-}"
		;;
	postgres)
		postgres_do "DROP DATABASE IF EXISTS fresh" \
			"CREATE DATABASE fresh TEMPLATE ledger_template" CHECKPOINT
		database=$postgres_url/fresh
		;;
	esac
}

# --- transfers --------------------------------------------------------------

# ENGINE CONNECTIONS DB_CONNECTIONS
transfers_of_ledger()
{
	fresh "$1"
	prefix=
	start_ledger "$database" --loops 1 --db-connections "$3"
	server=$pid
	before=$(ticks "$server")
	run_wrk -t1 -c"$2" -d"${seconds}s" --timeout 10s \
		-s "$here/http/transfers.lua" "$url" -- $accounts run
	after=$(ticks "$server")
	parameter=$1,connections=$2,db=$3
	done_well=$((requests - refused))
	emit transfers eider "$parameter" "$(compute "$done_well * 1e6 / $us")" 1/s
	emit transfers_cpu eider "$parameter" \
		"$(compute "($after - $before) * 1e6 / $hertz / $requests")" us
	[ "$refused" = 0 ] ||
		echo "# $parameter: eider refused $refused" >>"$work/remarks"
	stop "$server"
}

# ENGINE THREADS
transfers_of_plain()
{
	fresh "$1"
	"$build/ledger_plain" run "$database" "$2" "$seconds" $accounts plain \
		"$1,threads=$2" >>"$lines" || die "ledger_plain"
}

# ENGINES and CONNECTIONS, of the environment, say which; all of them by default.
# DB_CONNECTIONS is how many the ledger has to the database.
transfers()
{
	need wrk || return 0
	sqlite_template
	for engine in ${ENGINES:-sqlite-full sqlite-normal postgres}; do
		if [ "$engine" = postgres ]; then
			postgres_start || { skip "PostgreSQL is not there"; continue; }
			postgres_template
		fi
		for connections in ${CONNECTIONS:-1 16 256}; do
			transfers_at "$engine" "$connections"
		done
	done
	[ -z "$postgres_bin" ] || postgres_stop
}

# ENGINE CONNECTIONS
transfers_at()
{
	few=${DB_CONNECTIONS:-$(($2 < 16 ? $2 : 16))}
	round=0
	while [ $round -lt "$rounds" ]; do
		transfers_of_ledger "$1" "$2" $few
		transfers_of_plain "$1" "$2"
		[ "$2" = $few ] || transfers_of_plain "$1" $few
		round=$((round + 1))
	done
	ratio "transfers,$1,$2,eider/plain" \
		transfers eider "$1,connections=$2,db=$few" over \
		transfers plain "$1,threads=$2" '>=' 0.9
	[ "$2" = $few ] || ratio "transfers,$1,$2,eider/plain,$few" \
		transfers eider "$1,connections=$2,db=$few" over \
		transfers plain "$1,threads=$few"
}

# --- load: what /health sees of it --------------------------------------------

# STATE: the ledger's /health, then that of nginx, which nobody else asks.
probe_both()
{
	"$build/http_probe" "$ledger_url" /health "$seconds" health eider \
		"state=$1" >>"$lines" || die "http_probe"
	[ -z "$nginx_url" ] || "$build/http_probe" "$nginx_url" /health "$seconds" \
		health nginx "state=$1" >>"$lines" || die "http_probe"
}

# Everything at once: as many transfers and reports as there can be.
load_on()
{
	for_s=$((2 * seconds + 2))
	start load_transfers wrk -t1 -c64 -d"${for_s}s" --timeout 30s \
		-s "$here/http/transfers.lua" "$ledger_url" -- $accounts "round$round"
	load_transfers=$pid
	start load_reports wrk -t1 -c4 -d"${for_s}s" --timeout 60s \
		-s "$here/http/report.lua" "$ledger_url/report"
	load_reports=$pid
	sleep 1
}

load_off()
{
	wait "$load_transfers" "$load_reports" || true
	read_wrk "$(cat "$work/load_transfers.out")"
	emit load_transfers eider state=loaded \
		"$(compute "($requests - $refused) * 1e6 / $us")" 1/s
	read_wrk "$(cat "$work/load_reports.out")"
	emit load_reports eider state=loaded "$(compute \
		"($requests - $refused) * 1e6 / $us")" 1/s
}

load()
{
	need wrk || return 0
	sqlite_template $stored
	cp "$work/template.db" "$work/load.db"
	prefix=
	nginx_url=
	if need nginx; then
		start_nginx
		nginx_pid=$pid
		nginx_url=$url
	fi
	start_ledger "sqlite:$work/load.db" --loops 1
	ledger_pid=$pid
	ledger_url=$url
	round=0
	while [ $round -lt "$rounds" ]; do
		probe_both idle
		load_on
		probe_both loaded
		load_off
		round=$((round + 1))
	done
	for of in p50 p99 max; do
		ratio "health_$of,loaded/idle,eider" health_$of eider state=loaded over \
			health_$of eider state=idle $([ $of != p99 ] || echo "<= 3")
		ratio "health_$of,loaded/idle,nginx" health_$of nginx state=loaded over \
			health_$of nginx state=idle
		ratio "health_$of,loaded,eider/nginx" health_$of eider state=loaded \
			over health_$of nginx state=loaded
	done
	stop "$ledger_pid"
	[ -z "$nginx_url" ] || stop "$nginx_pid"
	rm -f "$work"/load.db*
}
