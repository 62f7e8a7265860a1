# Formatting of the C++ sources.

# Releases of clang-format differ in details; this one decides (Debian 12's).
FORMAT_VERSION=14

cmd_format() {
    local mode=(-i)
    case ${1-} in
        '') ;;
        --check) mode=(--dry-run --Werror) ;;
        *) misuse "unknown option '$1'; format takes --check" ;;
    esac

    local program=clang-format-$FORMAT_VERSION version files
    if ! command -v "$program" >/dev/null; then
        program=clang-format
        command -v "$program" >/dev/null || { have_apt && ensure_packages clang-format; } ||
            die "clang-format $FORMAT_VERSION is missing"
    fi
    version=$("$program" --version | grep -oE 'version [0-9]+' | tr -dc 0-9)
    [[ $version == "$FORMAT_VERSION" ]] ||
        say "this is clang-format $version; details may differ from $FORMAT_VERSION, which decides (tools/dev.d/format.sh)"

    # The checkout may belong to another user, as in a container.
    mapfile -d '' -t files < <(git -C "$ROOT" -c safe.directory="$ROOT" ls-files -z --cached --others \
        --exclude-standard --deduplicate '*.cpp' '*.hpp' '*.h')
    ((${#files[@]})) || die "no sources found; format works in a git checkout"
    (cd "$ROOT" && "$program" "${mode[@]}" "${files[@]}")
}
