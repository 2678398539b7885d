# SPDX-License-Identifier: BSD-2-Clause
# Completion of crierctl for bash: crierctl itself knows what may come next.

_crierctl() {
        mapfile -t COMPREPLY < <("$1" --complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
        # More is to come behind "--timeout=" and behind a directory.
        case ${COMPREPLY[0]-} in
        *= | */) compopt -o nospace 2>/dev/null ;;
        esac
}

complete -F _crierctl crierctl
