# Packages of the system: which are needed, which are missing, and how to install them with apt.

# What every build needs, whatever the distribution.
PACKAGES_COMMON=(g++ cmake ninja-build libspdlog-dev libcli11-dev nlohmann-json3-dev libgtest-dev libshaderc-dev
    libvulkan1)
# What the SDK of sdk.sh replaces where the system's are too old.
PACKAGES_VULKAN=(libvulkan-dev libvulkan-volk-dev libvulkan-memory-allocator-dev glslang-tools spirv-tools)

have_apt() { command -v apt-get >/dev/null && command -v dpkg-query >/dev/null; }

# missing_packages PACKAGE...: those of them that are not installed, one a line.
missing_packages() {
    local installed package
    installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null || true)
    for package in "$@"; do
        grep -qxF "installed $package" <<<"$installed" || echo "$package"
    done
}

# Can commands be run as root, if need be by asking for a password?
can_be_root() { [[ $(id -u) == 0 ]] || { command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [[ -t 0 ]]; }; }; }
as_root() { if [[ $(id -u) == 0 ]]; then env "$@"; else sudo env "$@"; fi; }

# Once a run is enough.
LISTS_UPDATED=
update_lists() {
    [[ -z $LISTS_UPDATED ]] || return 0
    LISTS_UPDATED=1
    say "updating apt's lists"
    as_root apt-get -qq update >&2 || say "apt-get update failed; going on with the lists that are there"
}

# ensure_packages PACKAGE...: installs the missing ones; where that is not possible, says what to do and exits.
ensure_packages() {
    local missing log=$BUILD/apt.log
    mapfile -t missing < <(missing_packages "$@")
    ((${#missing[@]})) || return 0
    can_be_root || die "these packages are missing: ${missing[*]}
    not root and no sudo to install them with; have somebody run:  apt-get install ${missing[*]}"
    say "installing with apt: ${missing[*]}"
    update_lists
    as_root DEBIAN_FRONTEND=noninteractive apt-get -q -o Dpkg::Use-Pty=0 install --yes --no-install-recommends \
        "${missing[@]}" >"$log" 2>&1 && return
    tail -n 20 "$log" >&2
    die "apt could not install them; all it said is in build/apt.log"
}

# Is there a manifest of a Vulkan driver where the loader looks?
have_vulkan_driver() {
    [[ -n ${VK_DRIVER_FILES-}${VK_ICD_FILENAMES-} ]] && return
    local folder
    for folder in /usr/share /usr/local/share /etc "${XDG_DATA_HOME:-${HOME-}/.local/share}"; do
        compgen -G "$folder/vulkan/icd.d/*.json" >/dev/null && return
    done
    return 1
}

# Without apt nothing can be installed: check the programs a build starts with, and leave the libraries to CMake.
check_programs() {
    local program missing=()
    for program in c++ cmake ninja glslang:glslangValidator; do
        command -v "${program%:*}" >/dev/null || command -v "${program#*:}" >/dev/null || missing+=("${program%:*}")
    done
    ((${#missing[@]} == 0)) || die "missing: ${missing[*]}
    there is no apt here to install them with; what a build needs, by Debian's names:
    ${PACKAGES_COMMON[*]} ${PACKAGES_VULKAN[*]}"
}

# ensure_build_packages [PACKAGE...]: everything a build needs, and the SDK where the system is too old for one.
# Leaves the SDK's folder in SDK; empty where the system's own packages serve.
ensure_build_packages() {
    # shellcheck disable=SC2034  # cmake.sh uses it
    SDK=
    if ! have_apt; then
        check_programs
        return
    fi
    local packages=("${PACKAGES_COMMON[@]}" "$@")
    have_vulkan_driver || packages+=(mesa-vulkan-drivers)
    if sdk_needed; then
        ensure_packages "${packages[@]}"
        ensure_sdk
    else
        ensure_packages "${packages[@]}" "${PACKAGES_VULKAN[@]}"
    fi
}
