# Files of another Debian release, fetched with apt beside the system: its own lists, cache and configuration in one
# folder, the archive's signatures checked, nothing of the system touched, no need to be root.

DEBIAN_MIRROR=${TUFF_DEBIAN_MIRROR:-http://deb.debian.org/debian}

# The machine's proxy and transport settings, in apt's configuration syntax.
apt_transport_settings() {
    apt-config dump | grep -E '^Acquire::(https?|Check-Valid-Until|Check-Date|Retries|ForceIPv[46])\b' || true
}

debian_keyring() {
    local keyring
    for keyring in /usr/share/keyrings/debian-archive-keyring.{gpg,pgp}; do
        [[ -e $keyring ]] && echo "$keyring" && return
    done
    return 1
}

# debian_fetch RELEASE FOLDER PACKAGE...: unpacks the packages of that release into FOLDER, without what they depend on.
debian_fetch() {
    local release=$1 folder=$2 keyring
    shift 2
    debian_keyring >/dev/null || ensure_packages debian-archive-keyring
    keyring=$(debian_keyring)
    local apt=$folder.apt
    rm -rf "$apt"
    mkdir -p "$apt/state/lists/partial" "$apt/cache/archives/partial" "$folder"
    : >"$apt/status"
    echo "deb [signed-by=$keyring] $DEBIAN_MIRROR $release main" >"$apt/sources.list"
    # The machine's own configuration is left out but for its transport: its hooks are for its own updates.
    cat >"$apt/apt.conf" <<CONF
Dir::Etc::parts "/dev/null";
Dir::Etc::main "/dev/null";
Dir::Etc::sourcelist "$apt/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::State "$apt/state";
Dir::State::status "$apt/status";
Dir::Cache "$apt/cache";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
APT::Sandbox::User "$(id -un)";
Acquire::Languages "none";
$(apt_transport_settings)
CONF
    APT_CONFIG=$apt/apt.conf apt-get -qq update >&2 || die "could not read Debian's lists from $DEBIAN_MIRROR ($release)"
    (cd "$apt" && APT_CONFIG=$apt/apt.conf apt-get -qq download "$@" >&2) || die "could not fetch: $*"
    local package
    for package in "$apt"/*.deb; do
        dpkg-deb -x "$package" "$folder"
    done
    rm -rf "$apt"
}
