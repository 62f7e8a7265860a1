# Messages. All of them go to stderr: stdout belongs to the program that is run.

say() { printf 'tools/dev: %s\n' "$*" >&2; }

die() {
    say "$@"
    exit 1
}

# For arguments that make no sense.
misuse() {
    say "$@"
    exit 2
}

# with_lock COMMAND...: one set-up or build at a time in a checkout; a second one waits for the first.
with_lock() {
    mkdir -p "$BUILD"
    if [[ -n ${TUFF_LOCKED-} ]] || ! command -v flock >/dev/null; then
        "$@"
        return
    fi
    (
        if ! flock --nonblock 9; then
            say "waiting for another tools/dev in this checkout"
            flock 9
        fi
        TUFF_LOCKED=1
        "$@"
    ) 9>"$BUILD/.lock"
}
