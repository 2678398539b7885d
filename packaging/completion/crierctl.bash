# SPDX-License-Identifier: BSD-2-Clause
# Completion of crierctl for bash: crierctl itself knows what may come next. Names are whatever others
# have chosen: nothing in them is expanded here, and each is quoted where it is inserted.

# _crierctl_plain WORD: $plain is what the word means, $quote the quotation mark that is still open.
_crierctl_plain() {
        local word=$1 char
        plain='' quote=''
        while [ -n "$word" ]; do
                char=${word:0:1} word=${word:1}
                case $quote$char in
                "''" | '""') quote='' ;;
                "'" | '"') quote=$char ;;
                \\ | '"'\\)
                        [ -z "$quote" ] || case ${word:0:1} in [\$\`\"\\]) ;; *) plain+=\\ ;; esac
                        plain+=${word:0:1} word=${word:1}
                        ;;
                *) plain+=$char ;;
                esac
        done
}

_crierctl() {
        local plain quote words=() word current=${COMP_WORDS[COMP_CWORD]}
        for word in "${COMP_WORDS[@]:1:COMP_CWORD}"; do
                _crierctl_plain "$word"
                words+=("$plain")
        done
        COMPREPLY=()
        # A quotation that begins inside a word: bash would insert what is offered behind the mark.
        [ -z "$quote" ] || [ "$quote" = "${current:0:1}" ] || return 0
        while IFS= read -r word; do
                # More is to come behind "--timeout=" and behind a directory.
                [[ $word != *[=/] ]] || compopt -o nospace 2>/dev/null
                case $quote in
                "'") word=${word//\'/\'\\\'\'} ;;
                '"')
                        word=${word//\\/\\\\} word=${word//\$/\\\$}
                        word=${word//\`/\\\`} word=${word//\"/\\\"}
                        ;;
                *) printf -v word %q "$word" ;;
                esac
                COMPREPLY+=("$word")
        done < <("$1" --complete -- "${words[@]}" 2>/dev/null)
}

complete -F _crierctl crierctl
