# The Debian 13 root: a whole small system in build/debian13 for what an older one cannot test: a recent lavapipe (with
# cooperative matrices), recent validation layers, GCC 14, and ggml with its Vulkan backend to compare with. It is
# entered in a private mount namespace, so nothing stays mounted and deleting build/ is always safe.

DEBIAN13=$BUILD/debian13
DEBIAN13_BACKPORTS=(mesa-vulkan-drivers libggml0 libggml0-backend-vulkan libggml-dev)
DEBIAN13_PACKAGES=("${PACKAGES_COMMON[@]}" "${PACKAGES_VULKAN[@]}" vulkan-validationlayers vulkan-tools
    python3) # for bench/peers

cmd_root() {
    case ${1-} in
        '' | test | bench | run | build | sh) ;;
        *) misuse "unknown command 'root $1'; root takes test, bench, run, build or sh, or nothing" ;;
    esac
    ensure_debian13
    case ${1-} in
        '') ;;
        sh) debian13_enter "$DEBIAN13" bash "${@:2}" ;;
        *) debian13_enter "$DEBIAN13" /src/tools/dev "$@" ;;
    esac
}

# debian13_enter FOLDER COMMAND...: runs it in the root in FOLDER, in the same place of the checkout as the caller.
debian13_enter() {
    local folder=$1 place=/src name environment=()
    shift
    [[ $PWD/ == "$ROOT"/* ]] && place=/src${PWD#"$ROOT"}
    for name in $(compgen -e); do
        case $name in
            LP_* | VK_* | TUFF_* | GGML_* | MESA_* | GALLIVM_* | GTEST_* | CTEST_* | *SAN_OPTIONS | TERM | CI)
                environment+=("$name=${!name}")
                ;;
        esac
    done
    # shellcheck disable=SC2016  # expanded by the inner shell
    unshare --mount --propagation private bash -euc '
        root=$1 checkout=$2
        shift 2
        mkdir -p "$root/src" "$root/host"
        mount --rbind / "$root/host"
        for part in proc dev sys; do mount --rbind "/$part" "$root/$part"; done
        mount --bind "$checkout" "$root/src"
        exec chroot "$root" "$@"' enter "$folder" "$ROOT" \
        env --ignore-environment --chdir="$place" HOME=/root LANG=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin \
        "${environment[@]}" TUFF_BUILD_PREFIX=root- "$@"
}

# The stamp holds what the root was made of, so that a change of the lists makes a new one.
debian13_complete() {
    [[ $(cat "$DEBIAN13/.complete" 2>/dev/null) == "${DEBIAN13_BACKPORTS[*]} ${DEBIAN13_PACKAGES[*]}" ]]
}

ensure_debian13() {
    [[ $(id -u) == 0 ]] || die "the Debian 13 root can only be made and entered by root; no other command needs it"
    unshare --mount true 2>/dev/null ||
        die "the Debian 13 root needs a private mount namespace, which this system does not allow (unshare --mount)"
    debian13_complete || with_lock make_debian13
}

# Made in a folder beside it and renamed, so that it is whole or not there.
make_debian13() {
    debian13_complete && return # made while this one waited for the lock
    if ! command -v debootstrap >/dev/null; then
        have_apt || die "debootstrap is missing, and there is no apt to install it with; only 'root' needs it"
        ensure_packages debootstrap
    fi
    debian_keyring >/dev/null || ensure_packages debian-archive-keyring
    local new=$DEBIAN13.tmp proxy
    say "making a Debian 13 root in build/debian13 (about two minutes, 1.4 GB): ${DEBIAN13_BACKPORTS[*]} ${DEBIAN13_PACKAGES[*]}"
    rm -rf "$new"
    proxy=$(apt-config shell p Acquire::http::Proxy)
    proxy=${proxy#p=\'}
    http_proxy=${http_proxy:-${proxy%\'}} unshare --mount --propagation private \
        debootstrap --variant=minbase --keyring="$(debian_keyring)" trixie "$new" "$DEBIAN_MIRROR" >"$BUILD/debian13.log" 2>&1 ||
        die "debootstrap failed; see build/debian13.log"

    apt_transport_settings >"$new/etc/apt/apt.conf.d/90transport"
    printf '%s\n' 'Acquire::Languages "none";' 'APT::Install-Recommends "false";' >"$new/etc/apt/apt.conf.d/91small"
    echo force-unsafe-io >"$new/etc/dpkg/dpkg.cfg.d/unsafe-io"
    printf "deb $DEBIAN_MIRROR %s main\n" trixie trixie-backports >"$new/etc/apt/sources.list"
    # shellcheck disable=SC2016  # expanded by the inner shell
    debian13_enter "$new" sh -euc '
        export DEBIAN_FRONTEND=noninteractive
        cd /
        apt-get -q update
        backports=$1
        shift
        apt-get -q -o Dpkg::Use-Pty=0 install --yes --target-release trixie-backports $backports
        apt-get -q -o Dpkg::Use-Pty=0 install --yes "$@"
        apt-get clean
        rm -rf /var/lib/apt/lists/*' install "${DEBIAN13_BACKPORTS[*]}" "${DEBIAN13_PACKAGES[@]}" \
        >>"$BUILD/debian13.log" 2>&1 || die "installing the packages failed; see build/debian13.log"
    echo "${DEBIAN13_BACKPORTS[*]} ${DEBIAN13_PACKAGES[*]}" >"$new/.complete"
    rm -rf "$DEBIAN13.old"
    if [[ -e $DEBIAN13 ]]; then mv "$DEBIAN13" "$DEBIAN13.old"; fi
    mv "$new" "$DEBIAN13"
    rm -rf "$DEBIAN13.old" || say "the root before it is still in use; delete build/debian13.old later"
}
