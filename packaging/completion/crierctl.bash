# SPDX-License-Identifier: BSD-2-Clause
# Completion of crierctl for bash.

_crierctl() {
        local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
        local verbs='status'
        local options='-s --socket= --json --no-legend --timeout= -h --help --version'
        local word

        COMPREPLY=()
        # Bash cuts words at '=': "--socket=/run/c" is three of them.
        if [ "$previous" = = ]; then
                previous=${COMP_WORDS[COMP_CWORD - 2]}
        elif [ "$current" = = ]; then
                previous=${COMP_WORDS[COMP_CWORD - 1]}
                current=
        fi
        case $previous in
        -s | --socket)
                compopt -o filenames 2>/dev/null
                mapfile -t COMPREPLY < <(compgen -f -- "$current")
                return
                ;;
        --timeout)
                return
                ;;
        esac
        if [[ $current == -* ]]; then
                mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
                if [[ ${COMPREPLY[0]-} == *= ]]; then
                        compopt -o nospace
                fi
                return
        fi
        # One verb is all there can be.
        for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
                case " $verbs " in
                *" $word "*) return ;;
                esac
        done
        mapfile -t COMPREPLY < <(compgen -W "$verbs" -- "$current")
}

complete -F _crierctl crierctl
