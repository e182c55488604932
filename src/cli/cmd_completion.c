/* SPDX-License-Identifier: Apache-2.0 */

/* weir completion: for each shell a function that asks the program itself, so that what is offered
 * is what this version has. */

#include <string.h>

#include "base/error.h"
#include "cli/completion.h"

/* bash cuts words at "=" and ":", too; they are joined again where no blank was between. */
static const char bash_script[] =
    "# weir: completion for bash; source it, or put it where bash-completion looks.\n"
    "_weir() {\n"
    "    local line=${COMP_LINE:0:COMP_POINT} word current part found i\n"
    "    local -a words=()\n"
    "    for ((i = 0; i <= COMP_CWORD; i++)); do\n"
    "        word=${COMP_WORDS[i]}\n"
    "        part=${line#\"${line%%[![:space:]]*}\"}\n"
    "        ((i == COMP_CWORD)) && word=$part\n"
    "        if ((i == 0)) || [[ $part != \"$line\" || -z $line ]]; then\n"
    "            words+=(\"$word\")\n"
    "        else\n"
    "            words[${#words[@]} - 1]+=$word\n"
    "        fi\n"
    "        line=${part#\"$word\"}\n"
    "    done\n"
    "    current=${words[${#words[@]} - 1]}\n"
    "    COMPREPLY=()\n"
    "    while IFS= read -r found; do\n"
    "        case $found in\n"
    "            :file) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- \"$word\") "
    ";;\n"
    "            :dir) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- \"$word\") ;;\n"
    "            *)\n"
    "                found=${found%%$'\\t'*}\n"
    "                found=${found#\"${current%\"${current##*[=:]}\"}\"}\n"
    "                COMPREPLY+=(\"$found\")\n"
    "                ;;\n"
    "        esac\n"
    "    done < <(command weir completion complete -- \"${words[@]:1}\" 2>/dev/null)\n"
    "}\n"
    "complete -F _weir weir\n";

static const char zsh_script[] =
    "#compdef weir\n"
    "# weir: completion for zsh; as _weir in a folder of $fpath, or sourced.\n"
    "_weir() {\n"
    "    local line\n"
    "    local -a found\n"
    "    while IFS= read -r line; do\n"
    "        case $line in\n"
    "            :file) compset -P '*='; _files; return ;;\n"
    "            :dir) compset -P '*='; _files -/; return ;;\n"
    "            *) found+=(\"${${line%%$'\\t'*}//:/\\\\:}:${line#*$'\\t'}\") ;;\n"
    "        esac\n"
    "    done < <(command weir completion complete -- \"${(@Q)words[2,CURRENT-1]}\" "
    "\"${(Q)PREFIX}\" 2>/dev/null)\n"
    "    _describe weir found\n"
    "}\n"
    "if [[ ${funcstack[1]-} == _weir ]]; then\n"
    "    _weir \"$@\"\n"
    "else\n"
    "    compdef _weir weir\n"
    "fi\n";

static const char fish_script[] =
    "# weir: completion for fish; as weir.fish in a folder of completions, or sourced.\n"
    "function __weir_complete\n"
    "    set -l words (commandline -opc)\n"
    "    set -e words[1]\n"
    "    set -l current (commandline -ct)\n"
    "    for line in (command weir completion complete -- $words \"$current\" 2>/dev/null)\n"
    "        switch $line\n"
    "            case ':file'\n"
    "                __fish_complete_path \"$current\"\n"
    "            case ':dir'\n"
    "                __fish_complete_directories \"$current\"\n"
    "            case '*'\n"
    "                printf '%s\\n' $line\n"
    "        end\n"
    "    end\n"
    "end\n"
    "complete -c weir -f -a '(__weir_complete)'\n";

int cmd_completion(const struct cli_args *args)
{
    static const struct {
        const char *shell, *script;
    } known[] = {{"bash", bash_script}, {"zsh", zsh_script}, {"fish", fish_script}};
    const char *shell = args->word_count > 0 ? args->words[0] : "";
    if (strcmp(shell, "complete") == 0) {
        completion_print(stdout, args->words + 1, args->word_count - 1);
        return 0;
    }
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (args->word_count == 1 && strcmp(shell, known[i].shell) == 0) {
            fputs(known[i].script, stdout);
            return 0;
        }
    }
    struct weir_error err = {0};
    (void)error_set(&err, WEIR_INVALID_ARGUMENT, "the shell is \"%.80s\": bash, zsh or fish",
                    shell);
    return cli_fail(args, WEIR_INVALID_ARGUMENT, &err);
}
