#!/bin/bash
# Tries docs/tls/nginx.conf and docs/tls/Caddyfile before a running server, each where the program is installed (Debian: nginx-light, caddy):
#
#   POSTROOM_TOKEN=... src/test/tls/try.sh 127.0.0.1:8080
#
# The server was started with the same token and --server.forward-headers-strategy=native. All stays on loopback, on ports above 1024,
# with a certificate of its own; what is started here is ended here.
set -euo pipefail
server=${1:?address of a running server, as in 127.0.0.1:8080}
token=${POSTROOM_TOKEN:?the token of that server}
docs=$(cd "$(dirname "$0")/../../../docs/tls" && pwd)
folder=$(mktemp -d)
port=${TLS_PORT:-18443}
running=
finish() {
    if [ -n "$running" ]; then kill "$running" 2> /dev/null || true; wait "$running" 2> /dev/null || true; fi
    rm -rf "$folder"
}
trap finish EXIT
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=queue.example.org -addext subjectAltName=DNS:queue.example.org \
    -keyout "$folder/key" -out "$folder/pem" 2> /dev/null

changed() { # the page's file with this machine's ports and certificate
    sed -e "s|/etc/ssl/queue.example.org.pem|$folder/pem|; s|/etc/ssl/queue.example.org.key|$folder/key|" \
        -e "s|127.0.0.1:8080|$server|; s|listen 443 ssl|listen 127.0.0.1:$port ssl|; s|listen 80;|listen 127.0.0.1:$((port + 1));|" \
        -e "s|queue.example.org:443 {|queue.example.org:$port {\n\tbind 127.0.0.1|" "$1"
}

ask() { # prints the status of a request through the proxy
    curl -s -o "$folder/answer" -D "$folder/headers" -w '%{http_code}' --cacert "$folder/pem" \
        --resolve "queue.example.org:$port:127.0.0.1" --max-time 20 "$@"
}

expect() { # what, status or several as in 401|413, request
    local what=$1 wanted=$2 status
    shift 2
    status=$(ask "$@") || status="curl $?"
    if ! [[ $status =~ ^($wanted)$ ]]; then
        echo "  $what: $status instead of $wanted"; cat "$folder/answer" 2> /dev/null; exit 1
    fi
    echo "  $what: $status"
}

checks() {
    local url=https://queue.example.org:$port auth="Authorization: Bearer $token" json="Content-Type: application/json"
    for _ in $(seq 50); do [ "$(ask "$url/" || true)" = 200 ] && break; sleep 0.2; done
    expect "page at /" 200 "$url/"
    grep -qi '^strict-transport-security:' "$folder/headers"
    grep -qi '^x-content-type-options: nosniff' "$folder/headers"
    expect "message without the token" 401 -H "$json" -d '{"queue":"tls"}' "$url/api/v1/messages"
    expect "message with the token" 201 -H "$auth" -H "$json" -d '{"queue":"tls"}' "$url/api/v1/messages"
    expect "20 MB with a wrong token" "401|413" -H "Authorization: Bearer wrong" -H "$json" -H Expect: --data-binary @"$folder/large" "$url/api/v1/messages"
    expect "login page" 200 "$url/console/login"
    grep -i '^set-cookie:' "$folder/headers" | grep -qi 'secure' || { echo "  the cookie is not Secure"; exit 1; }
    expect "login page with a forged scheme" 200 -H "X-Forwarded-Proto: http" -H "Forwarded: proto=http" "$url/console/login"
    grep -i '^set-cookie:' "$folder/headers" | grep -qi 'secure' || { echo "  a client may say that TLS is not there"; exit 1; }
}

head -c 20000000 /dev/zero > "$folder/large"
tried=0
if command -v nginx > /dev/null; then
    echo "nginx"
    changed "$docs/nginx.conf" > "$folder/nginx.conf"
    nginx -p "$folder" -e "$folder/error" -c "$folder/nginx.conf" \
        -g "daemon off; pid $folder/pid; user $(id -un);" > "$folder/out" 2>&1 &
    running=$!
    checks
    kill "$running"; wait "$running" 2> /dev/null || true; running=
    tried=1
fi
if command -v caddy > /dev/null; then
    echo "caddy"
    { printf '{\n\tadmin off\n\tauto_https disable_redirects\n}\n'; changed "$docs/Caddyfile"; } > "$folder/Caddyfile"
    XDG_DATA_HOME=$folder XDG_CONFIG_HOME=$folder caddy run --adapter caddyfile --config "$folder/Caddyfile" > "$folder/out" 2>&1 &
    running=$!
    checks
    kill "$running"; wait "$running" 2> /dev/null || true; running=
    tried=1
fi
[ $tried = 1 ] || { echo "neither nginx nor caddy is installed: apt-get install nginx-light caddy"; exit 2; }
