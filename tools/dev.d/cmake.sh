# Builds: configured when that is needed, built by ninja, one folder for each preset of CMakePresets.json.

# build_dir PRESET: its folder. Builds made inside the Debian 13 root have folders of their own.
build_dir() { echo "$BUILD/${TUFF_BUILD_PREFIX-}$1"; }

# Installs and fetches what a preset needs, and runs CMake unless that was done already with the same arguments.
prepare() {
    local preset=$1 dir extra=()
    dir=$(build_dir "$preset")
    case $preset in
        release | debug | asan | fuzz) ;;
        *) misuse "unknown preset '$preset'; the presets are release, debug, asan, fuzz" ;;
    esac
    if [[ $preset == fuzz ]]; then extra=(clang-19 libclang-rt-19-dev); fi
    ensure_build_packages "${extra[@]}"

    local arguments=(--preset "$preset" -S "$ROOT" -B "$dir" -DTUFF_SDK="$SDK")
    if [[ -e $dir/build.ninja && $(cat "$dir/.configured" 2>/dev/null) == "${arguments[*]}" ]]; then
        return
    fi
    say "configuring build/${dir##*/}"
    rm -f "$dir/.configured" # of an earlier place or other arguments: start afresh
    (cd "$ROOT" && cmake --fresh --log-level=NOTICE "${arguments[@]}") >&2
    echo "${arguments[*]}" >"$dir/.configured"
}

ninja_in() { ninja -C "$1" -j "${TUFF_JOBS:-$(nproc)}" "${@:2}" >&2; }

# build PRESET [TARGET...]
build() { with_lock build_unlocked "$@"; }
build_unlocked() {
    prepare "$1"
    ninja_in "$(build_dir "$1")" "${@:2}"
}

# The same without a word where there is nothing to do.
build_quietly() { with_lock build_quietly_unlocked "$@"; }
build_quietly_unlocked() {
    prepare "$1"
    local dir
    dir=$(build_dir "$1")
    [[ $(ninja -C "$dir" -n "${@:2}" 2>&1) == *"no work to do"* ]] || ninja_in "$dir" "${@:2}"
}
