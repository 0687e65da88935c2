#!/bin/sh
# The whole product on this machine: called by `./dev demo`, which builds and installs first and sets HOOP_BIN_DIR,
# HOOP_PYTHON, HOOP_NODE and HOOP_IDP. Everything lives in one temporary folder and ends with this script.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
once=false oidc=false color=auto
for option in "$@"; do
    case $option in
    --once) once=true ;;
    --oidc) oidc=true ;;
    --no-color) color=never ;;
    *)
        echo "demo: unknown option \`$option\`; there are: --oidc, --once, --no-color" >&2
        exit 2
        ;;
    esac
done
bold='' green='' red='' dim='' plain=''
if [ "$color" = auto ] && [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
    bold=$(printf '\033[1m') green=$(printf '\033[32m') red=$(printf '\033[31m') dim=$(printf '\033[2m') plain=$(printf '\033[0m')
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/hoop-demo.XXXXXX")
chmod 711 "$work" # PostgreSQL, as its own user when we are root, must be able to walk through
broker_pid='' provider_pid='' failures=0

cleanup() {
    trap - EXIT
    trap '' INT TERM HUP # a second Ctrl-C must not stop the cleaning up
    [ -z "$broker_pid" ] || kill "$broker_pid" 2>/dev/null || true
    [ -z "$provider_pid" ] || kill "$provider_pid" 2>/dev/null || true
    for pid in $broker_pid $provider_pid; do
        wait "$pid" 2>/dev/null || true
    done
    [ ! -d "$work/pg" ] || sh "$here/../harness/cluster.sh" stop "$work/pg"
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

title() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }
note() { printf '%s%s%s\n' "$dim" "$*" "$plain"; }
held() { printf '%s  held: %s%s\n' "$green" "$*" "$plain"; }
broken() {
    printf '%s  BROKEN: %s%s\n' "$red" "$*" "$plain"
    failures=$((failures + 1))
}
die() {
    printf '%sdemo: %s%s\n' "$red" "$*" "$plain" >&2
    [ ! -s "$work/broker.log" ] || { echo "--- end of the broker's log" && tail -n 20 "$work/broker.log"; } >&2
    exit 1
}

# Becomes COMMAND in a person's environment and in nothing else: PERSON COMMAND…. In the background, `$!` is then the
# program itself, not a shell around it.
become() {
    who=$1
    shift
    exec env -i HOME="$work/$who" XDG_RUNTIME_DIR="$work/$who/run" PATH="$HOOP_BIN_DIR:$PATH" LANG=C.UTF-8 \
        TERM="${TERM:-dumb}" HOOPCTL_TOKEN_STORE=file NO_COLOR=1 PAGER=cat "$@"
}
as() { (become "$@"); }

# Prints the command line, runs it as `actor`, shows and keeps all it says (`said`) and its exit code (`code`).
actor=alice
shows() {
    line=''
    for word in "$@"; do
        case $word in
        *\'*) line="$line \"$word\"" ;;
        *[!A-Za-z0-9_./:=,@%+-]* | '') line="$line '$word'" ;;
        *) line="$line $word" ;;
        esac
    done
    prompt='$'
    [ "$actor" = alice ] || prompt="$actor\$"
    printf '%s%s%s%s\n' "$bold" "$prompt" "$(printf '%s' "$line" | sed "s|$work/||g; s|$HOOP_PYTHON|python3|g; s|$here|tests/demo|g")" "$plain"
    code=0
    as "$actor" "$@" >"$work/said" 2>&1 </dev/null || code=$?
    said=$(cat "$work/said")
    [ -z "$said" ] || printf '%s\n' "$said" | sed "s|$work/||g"
}

ends_with_code() {
    if [ "$code" = "$1" ]; then held "exit code $1"; else broken "exit code $code, expected $1"; fi
}
has() {
    case $said in *"$1"*) held "$2" ;; *) broken "$2: \`$1\` is not in the answer" ;; esac
}
has_not() {
    case $said in *"$1"*) broken "$2: \`$1\` is in the answer" ;; *) held "$2" ;; esac
}

free_port() {
    "$HOOP_PYTHON" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# Waits until something listens on a port of loopback: PORT PID WHAT
wait_for_port() {
    tries=0
    until "$HOOP_PYTHON" -c "import socket; socket.create_connection(('127.0.0.1', $1), 1)" 2>/dev/null; do
        kill -0 "$2" 2>/dev/null || die "$3 ended instead of listening"
        tries=$((tries + 1))
        [ "$tries" -lt 600 ] || die "$3 does not listen after a minute"
        sleep 0.1
    done
}

database() { psql -X -q -A -t -v ON_ERROR_STOP=1 -h "$work/pg" -p "$pg_port" -U "$1" -d "$2" -f -; }
secret() { openssl rand -hex 12; }

# Sets KEY to VALUE in [SECTION] of the config, instead of what is there.
set_key() {
    awk -v section="[$1]" -v key="$2" -v value="$3" '
        /^\[/ { inside = ($0 == section) }
        inside && $1 == key && $2 == "=" { next }
        { print }
        $0 == section { print key " = " value }' "$config" >"$config.new" &&
        cat "$config.new" >"$config" && rm "$config.new"
}

make_target() {
    title "A PostgreSQL of its own, with card data"
    pg_port=$(free_port)
    sh "$here/../harness/cluster.sh" start "$work/pg" "$pg_port"
    mkdir -m 700 "$work/secrets"
    secret >"$work/secrets/gateway.password"
    chmod 600 "$work/secrets/gateway.password"
    database postgres postgres <<SQL
CREATE ROLE hoop_gateway LOGIN NOSUPERUSER PASSWORD '$(cat "$work/secrets/gateway.password")';
CREATE DATABASE payments OWNER hoop_gateway;
SQL
    database hoop_gateway payments <"$here/schema.sql"
    # Every card number there is, in every spelling of its own, for the search at the end.
    numbers='4012888888881881 5105105105105100 5105-1051-0510-5100'
    numbers="$numbers $(echo 'SELECT string_agg(pan, chr(32)) FROM cards' | database hoop_gateway payments)"
    note "127.0.0.1:$pg_port, TLS only; tables: customers, cards, orders, payments, notes; role hoop_gateway, no superuser"
}

make_broker() {
    title "A broker in front of it"
    port=$(free_port) url='' config=$work/broker/broker.toml
    url=https://127.0.0.1:$port
    as admin hoop-broker init "$work/broker" --name demo --listen "127.0.0.1:$port" --public-url "$url" \
        >"$work/init.log" 2>&1 || { cat "$work/init.log" && die "\`hoop-broker init\` failed"; }
    cat >>"$config" <<TOML

[targets.payments-db]
kind = "postgres"
environment = "demo"
address = "127.0.0.1:$pg_port"
tls = "verify-full"
ca_file = "$work/pg/ca.pem"
login = "hoop_gateway"
password = "file:$work/secrets/gateway.password"
databases = ["payments"]

[targets.payments-db.classes]
"public.cards.pan" = "pan"
"public.cards.cvv" = "cvv"
"public.cards.expiry" = "expiry"
TOML
    cat >>"$work/broker/policy/pci.cedar" <<'CEDAR'

// The demo's own rule: payments change with a second person.
@id("payments-change")
@message("payments change with a second person")
@hint("ask a lead")
@hold("1 of leads")
@pci("6.5.1")
forbid (
    principal,
    action == Action::"write",
    resource is Relation
)
when { resource.name == "payments" }
unless { context.approvals.contains("payments-change") };
CEDAR
    if $oidc; then start_provider; else add_users; fi
    as admin hoop-broker check --config "$config" || die "\`hoop-broker check\` finds faults"
    fingerprint=$(as admin hoop-broker fingerprint --config "$config")
    become admin hoop-broker serve --config "$config" >"$work/broker.log" 2>&1 </dev/null &
    broker_pid=$!
    wait_for_port "$port" "$broker_pid" hoop-broker
    note "$url"
    note "certificate $fingerprint"
}

# Local users: alice may read, bob may write; both are leads, and neither approves what is their own.
add_users() {
    for user in alice:developers,leads bob:dba,leads; do
        name=${user%%:*}
        password=$(secret)x1
        printf '%s\n' "$password" >"$work/secrets/$name"
        printf '%s\n' "$password" | as admin hoop-broker user add "$name" --groups "${user#*:}" --password-stdin \
            --config "$config" >"$work/secrets/$name.added" 2>&1 || { cat "$work/secrets/$name.added" && die "\`user add\` failed"; }
        sed -n 's/.*secret=\([A-Z2-7]*\).*/\1/p' "$work/secrets/$name.added" | head -n 1 >>"$work/secrets/$name"
    done
    note "local users: alice (developers, leads), bob (dba, leads), each with a one-time code"
}

start_provider() {
    provider_port=$(free_port)
    cp "$here/../idp/op.mjs" "$work/op.mjs"
    ln -s "$HOOP_IDP/node_modules" "$work/node_modules"
    alice_password=$(secret) bob_password=$(secret)
    cat >"$work/secrets/users.json" <<JSON
{ "alice": { "password": "$alice_password", "otp": "123456", "email": "alice@example.test", "name": "Alice", "groups": ["developers", "leads"] },
  "bob": { "password": "$bob_password", "otp": "654321", "email": "bob@example.test", "name": "Bob", "groups": ["dba", "leads"] } }
JSON
    printf '%s\n123456\n' "$alice_password" >"$work/secrets/alice"
    printf '%s\n654321\n' "$bob_password" >"$work/secrets/bob"
    OP_PORT=$provider_port OP_REDIRECT=$url/oidc/callback OP_USERS=$work/secrets/users.json \
        "$HOOP_NODE" "$work/op.mjs" >"$work/provider.log" 2>&1 </dev/null &
    provider_pid=$!
    wait_for_port "$provider_port" "$provider_pid" "the OIDC provider"
    printf 'broker-secret-for-tests' >"$work/secrets/client"
    chmod 600 "$work/secrets/client"
    set_key identity provider '"oidc"'
    for pair in "issuer|http://127.0.0.1:$provider_port" 'client_id|hoop-broker' "client_secret|file:$work/secrets/client" \
        "redirect_uri|$url/oidc/callback" 'groups_claim|groups' 'person_claim|sub'; do
        set_key identity "${pair%%|*}" "\"${pair#*|}\""
    done
    set_key identity scopes '["profile", "groups"]'
    note "OpenID provider http://127.0.0.1:$provider_port with alice (developers, leads) and bob (dba, leads)"
}

# The real device flow: the terminal shows address and code, the browser's half fills in the pages.
sign_in() {
    title "Signing in as $1, by device code"
    mkdir -m 700 "$work/$1" "$work/$1/run"
    printf '%s$ hoopctl login %s --device --fingerprint …%s\n' "$bold" "$url" "$plain"
    become "$1" hoopctl login "$url" --device --fingerprint "$fingerprint" >"$work/login" 2>&1 </dev/null &
    login_pid=$!
    tries=0 page='' user_code=''
    while [ -z "$page" ] || [ -z "$user_code" ]; do
        page=$(grep -o 'https://[^ ]*/device[^ ]*' "$work/login" | head -n 1) || true
        user_code=$(grep -o '\<[A-Z]\{4\}-[A-Z]\{4\}\>' "$work/login" | head -n 1) || true
        tries=$((tries + 1))
        if [ "$tries" -gt 300 ] || { [ -z "$user_code" ] && ! kill -0 "$login_pid" 2>/dev/null; }; then
            cat "$work/login"
            die "\`hoopctl login\` shows no address and code"
        fi
        sleep 0.1
    done
    note "the browser's half: $page, code $user_code, name, password, one-time code"
    "$HOOP_BIN_DIR/hoop-browser" "$page" "$user_code" "$1" <"$work/secrets/$1" || die "the sign-in page refused"
    wait "$login_pid" || { cat "$work/login" && die "\`hoopctl login\` failed"; }
    cat "$work/login"
}

steps() {
    title "1. Who am I, and what may I reach?"
    shows hoopctl whoami
    has alice "the broker knows who asks"
    shows hoopctl targets
    has payments-db "the target is listed"

    title "2. A query: classified columns are masked, and card numbers wherever they turn up"
    shows hoopctl exec payments-db -c "SELECT c.name, k.pan, k.cvv, k.expiry, o.order_no FROM cards k JOIN customers c ON c.id = k.customer_id LEFT JOIN orders o ON o.customer_id = c.id ORDER BY k.id"
    ends_with_code 0
    has '411111******1111' "first six and last four are shown"
    has_not 4111111111111111 "the number is not"
    has_not 7373 "nor a verification value"
    has 8800112233445566 "an order number, long as it is, stays readable"
    shows hoopctl exec payments-db -c "SELECT body, extra FROM notes ORDER BY id"
    has_not 5105-1051-0510-5100 "free text that nobody classified is masked as well"
    has_not 4012888888881881 "and JSON"

    title "3. COPY out"
    shows hoopctl connect payments-db -- psql -X -c "COPY cards TO STDOUT (FORMAT csv)"
    ends_with_code 0
    has 555555 "rows come"
    has_not 5555555555554444 "masked"

    title "4. A client of another language, asking for binary results"
    shows hoopctl connect payments-db -- "$HOOP_PYTHON" "$here/binary_read.py"
    ends_with_code 0
    has 378282 "rows come"
    has_not 378282246310005 "masked: as text, as a number and in an array"

    title "5. What the policy forbids"
    shows hoopctl exec payments-db -c "DROP TABLE notes"
    ends_with_code 3
    has drop-table "the rule is named"
    if [ "$(echo "SELECT to_regclass('notes')" | database hoop_gateway payments)" = notes ]; then
        held "the table is still there"
    else
        broken "the table is gone"
    fi
    shows hoopctl connect payments-db -- psql -X -v VERBOSITY=verbose -c "SELECT 1 AS before" -c "TRUNCATE payments" -c "SELECT count(*) AS payments FROM payments"
    has 42501 "psql sees the denial as an ordinary error"
    has '(1 row)' "and the connection lives on"

    title "6. Card numbers in what is sent, too"
    shows hoopctl exec payments-db -c "SELECT id FROM cards WHERE pan = '4111111111111111' AND cvv = '737'"
    shows hoopctl exec payments-db -c "SELECT '4111111111111111' FROM"
    ends_with_code 1

    approvals

    title "8. The ledger"
    shows hoopctl audit verify "$work/broker/ledger" --key "$work/ledger.pub"
    ends_with_code 0
    has "2, each signed by its reviewer's key" "and the reviewers' own signatures hold"
    cp -R "$work/broker/ledger" "$work/copy"
    shows "$HOOP_PYTHON" "$here/flip_byte.py" "$work/copy"
    ends_with_code 0
    shows hoopctl audit verify "$work/copy" --key "$work/ledger.pub"
    ends_with_code 1
    if printf '%s' "$said" | grep -qi 'entry [0-9]'; then held "the verifier names the entry"; else broken "the verifier names no entry"; fi
    rm -rf "$work/copy"

    title "9. No card number in config, state, ledger or log"
    search
}

# bob changes payments, alice lets him: once for the statement that waits in his psql, once for one that he sends again.
approvals() {
    title "7. A statement held for a second person"
    update="UPDATE payments SET status = 'refunded' WHERE id ="
    actor=bob
    shows hoopctl policy explain payments-db -c "$update 1"
    has "hold" "the policy says beforehand that it will be held"
    has "1 of leads" "and by whom it can be approved"
    actor=alice
    printf '%sbob$ hoopctl connect payments-db --wait-approval 5m -- psql -X -c "%s 1"%s\n' "$bold" "$update" "$plain"
    become bob hoopctl connect payments-db --wait-approval 5m -- psql -X -c "$update 1" >"$work/held" 2>&1 </dev/null &
    held_pid=$!
    approval_in "$work/held"
    cat "$work/held"
    actor=bob
    shows hoopctl approve "$approval" --yes
    ends_with_code 3
    has "their own" "nobody approves their own request"
    actor=alice
    shows hoopctl requests --to-review
    has "$approval" "the other one sees what waits"
    shows hoopctl approve "$approval" --yes --reason "ticket 42"
    ends_with_code 0
    wait "$held_pid" || broken "the approved statement failed"
    tail -n 1 "$work/held"
    said=$(tail -n 1 "$work/held")
    has "UPDATE 1" "approved in a second terminal, it runs in the first"

    note "without a terminal nothing waits: it is refused with the id, and sent again once approved"
    actor=bob
    shows hoopctl exec payments-db -c "$update 2"
    ends_with_code 5
    approval_in "$work/said"
    actor=alice
    shows hoopctl approve "$approval" --yes
    ends_with_code 0
    actor=bob
    shows hoopctl exec payments-db -c "$update 3"
    ends_with_code 5
    has_not "$approval" "the approval is for the statement that was shown, and no other"
    shows hoopctl exec payments-db -c "$update 2"
    ends_with_code 0
    shows hoopctl exec payments-db -c "$update 2"
    ends_with_code 5
    actor=alice
    if [ "$(echo "SELECT string_agg(id::text, ',' ORDER BY id) FROM payments WHERE status = 'refunded'" | database hoop_gateway payments)" = 1,2 ]; then
        held "the database has these two changes and no other"
    else
        broken "the database has other changes than those that were approved"
    fi
}

# The id of the approval that FILE names, once it does.
approval_in() {
    tries=0 approval=''
    while [ -z "$approval" ]; do
        approval=$(grep -o 'apr_[0-9A-Z]*' "$1" | head -n 1) || true
        tries=$((tries + 1))
        [ "$tries" -lt 600 ] || { cat "$1" && die "nothing is held"; }
        [ -n "$approval" ] || sleep 0.1
    done
}

# Every number, in every file that the broker keeps. A search that finds nothing at all would prove nothing: so the
# target's name must be found.
search() {
    note "\$ grep -rF NUMBER broker/ broker.log, for each of: $(echo "$numbers" | wc -w) numbers"
    found=0
    for number in $numbers; do
        if grep -rqaF -e "$number" "$work/broker" "$work/broker.log"; then
            found=$((found + 1))
            grep -rlaF -e "$number" "$work/broker" "$work/broker.log" | sed "s|$work/||"
        fi
    done
    if [ "$found" = 0 ]; then held "none found"; else broken "$found card numbers found"; fi
    if grep -rqaF payments-db "$work/broker/ledger"; then
        held "and the same search does find the target's name"
    else
        broken "the same search does not even find the target's name"
    fi
}

stay() {
    cat <<TEXT

${bold}It stays up. In another terminal:${plain}

  export HOME=$work/alice HOOPCTL_TOKEN_STORE=file PATH=$HOOP_BIN_DIR:\$PATH
  hoopctl connect payments-db                          a local socket for any client, with a countdown
  hoopctl connect payments-db -- psql                  psql in a session
  hoopctl connect payments-db --tcp --for jdbc         settings for JDBC
  hoopctl exec payments-db --format json -c 'TABLE cards'
  hoopctl sessions                                     what is open; \`sessions end ID\` cuts it

  bob, who may write: HOME=$work/bob
  the broker's log:   tail -f $work/broker.log
  its ledger:         hoopctl audit verify $work/broker/ledger --key $work/ledger.pub

Ctrl-C ends it and leaves nothing behind.
TEXT
    while kill -0 "$broker_pid" 2>/dev/null; do
        sleep 1 &
        wait $! || true # `wait`, unlike `sleep`, ends at once when a signal comes
    done
    die "the broker ended"
}

mkdir -m 700 "$work/admin"
make_target
make_broker
as admin hoop-broker ledger-key --config "$config" >"$work/ledger.pub"
sign_in alice
sign_in bob
steps
if ! $once; then
    [ "$failures" = 0 ] || note "$failures checks did not hold, see above"
    stay
fi
title "$([ "$failures" = 0 ] && echo 'All of it held.' || echo "$failures checks did not hold.")"
[ "$failures" = 0 ]
