# Tests. Those labelled `device` need a Vulkan device, those labelled `host` need none; `fuzz` are the fuzzers, which
# exist in the fuzz preset alone.

cmd_test() {
    local preset=release swiftshader='' validate=''
    while (($#)); do
        case $1 in
            --swiftshader) swiftshader=1 ;;
            --validate) validate=1 ;;
            --preset)
                (($# >= 2)) || misuse "--preset needs a name"
                preset=$2
                shift
                ;;
            *) break ;;
        esac
        shift
    done

    local arguments=(--test-dir "$(build_dir "$preset")" --output-on-failure --no-tests=error --timeout 900)
    if [[ $preset == fuzz ]]; then
        build_quietly fuzz tests/fuzz/all
        arguments+=(--label-regex '^fuzz$')
    else
        build_quietly "$preset"
    fi
    if [[ -n $swiftshader ]]; then
        use_swiftshader
        arguments+=(--label-regex '^device$')
    fi
    if [[ -n $validate ]]; then
        use_validation "$(build_dir "$preset")"
    fi
    # Few at a time: most tests keep every processor of a software device busy.
    export CTEST_PARALLEL_LEVEL=${CTEST_PARALLEL_LEVEL:-2}
    local status=0
    ctest "${arguments[@]}" "$@" || status=$?
    skip_reasons "$(build_dir "$preset")/Testing/Temporary/LastTest.log"
    return "$status"
}

# skip_reasons LOG: why tests were skipped, which CTest keeps to itself, with how many each.
skip_reasons() {
    [[ -f $1 ]] || return 0
    local reasons
    reasons=$(grep -A1 -E '^[^ ]+:[0-9]+: Skipped$' "$1" | grep -vE '(: Skipped|^--)$' | sort | uniq -c) || true  # none
    [[ -z $reasons ]] || printf 'Skipped, and why:\n%s\n' "$reasons"
}
