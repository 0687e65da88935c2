# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_hoopctl_global_optspecs
    string join \n profile= broker= token-store= h/help V/version
end

function __fish_hoopctl_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_hoopctl_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_hoopctl_using_subcommand
    set -l cmd (__fish_hoopctl_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c hoopctl -n "__fish_hoopctl_needs_command" -l profile -d 'Settings and sign-in to use, one set per broker' -r
complete -c hoopctl -n "__fish_hoopctl_needs_command" -l broker -d 'Broker to use instead of the profile\'s' -r
complete -c hoopctl -n "__fish_hoopctl_needs_command" -l token-store -d 'Where tokens are kept' -r -f -a "keyring\t'The system\'s keyring'
file\t'A file of mode 0600'"
complete -c hoopctl -n "__fish_hoopctl_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -s V -l version -d 'Print version'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -f -a "login" -d 'Sign in by a code that is confirmed in a browser, here or on another device'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -f -a "logout" -d 'End the sign-in at the broker and forget its tokens'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -f -a "whoami" -d 'Show who the broker takes you for'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -f -a "targets" -d 'List the targets that you may see'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -f -a "target" -d 'Look at one target'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -f -a "sessions" -d 'List your open sessions, or end one'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -f -a "connect" -d 'Open a session and a local socket or port for any PostgreSQL client'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -f -a "exec" -d 'Run statements and print their results'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -f -a "requests" -d 'List what waits for an approval, yours and what you may decide'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -f -a "request" -d 'Ask for a session\'s approval, without opening it'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -f -a "approve" -d 'Read what is held, and let it run'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -f -a "deny" -d 'Say no to what is held'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -f -a "break-glass" -d 'Open a session in an emergency, without an approval; everybody hears of it'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -f -a "enrol" -d 'Prepare for breaking the glass while the identity provider is down'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -f -a "findings" -d 'List what must be reviewed, and review it'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -f -a "token" -d 'Get a password for the broker\'s native PostgreSQL listener, for tools that cannot run hoopctl'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -f -a "policy" -d 'Check, test, compare and explain policies'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -f -a "audit" -d 'Check the broker\'s ledger, offline'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -f -a "version" -d 'Show the version of hoopctl and of its API'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -f -a "completions" -d 'Print a completion script'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand login" -l fingerprint -d 'SHA-256 fingerprint of the broker\'s certificate, as its operator says' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand login" -l profile -d 'Settings and sign-in to use, one set per broker' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand login" -l token-store -d 'Where tokens are kept' -r -f -a "keyring\t'The system\'s keyring'
file\t'A file of mode 0600'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand login" -l device -d 'Show the code only; open no browser here'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand login" -l fresh -d 'Sign in anew even where the identity provider remembers you: rules can ask reviewers for it'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand login" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand logout" -l profile -d 'Settings and sign-in to use, one set per broker' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand logout" -l broker -d 'Broker to use instead of the profile\'s' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand logout" -l token-store -d 'Where tokens are kept' -r -f -a "keyring\t'The system\'s keyring'
file\t'A file of mode 0600'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand logout" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand whoami" -l format -d 'How to print it' -r -f -a "table\t'Aligned, for people'
json\t'As the broker answers, for programs'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand whoami" -l profile -d 'Settings and sign-in to use, one set per broker' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand whoami" -l broker -d 'Broker to use instead of the profile\'s' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand whoami" -l token-store -d 'Where tokens are kept' -r -f -a "keyring\t'The system\'s keyring'
file\t'A file of mode 0600'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand whoami" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand targets" -l format -d 'How to print them' -r -f -a "table\t'Aligned, for people'
json\t'As the broker answers, for programs'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand targets" -l profile -d 'Settings and sign-in to use, one set per broker' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand targets" -l broker -d 'Broker to use instead of the profile\'s' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand targets" -l token-store -d 'Where tokens are kept' -r -f -a "keyring\t'The system\'s keyring'
file\t'A file of mode 0600'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand targets" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand target; and not __fish_seen_subcommand_from describe help" -l profile -d 'Settings and sign-in to use, one set per broker' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand target; and not __fish_seen_subcommand_from describe help" -l broker -d 'Broker to use instead of the profile\'s' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand target; and not __fish_seen_subcommand_from describe help" -l token-store -d 'Where tokens are kept' -r -f -a "keyring\t'The system\'s keyring'
file\t'A file of mode 0600'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand target; and not __fish_seen_subcommand_from describe help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand target; and not __fish_seen_subcommand_from describe help" -f -a "describe" -d 'Show which relations hold classified values, which are masked and which are not shown at all, and why'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand target; and not __fish_seen_subcommand_from describe help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand target; and __fish_seen_subcommand_from describe" -l database -d 'Database; the target\'s default if left out' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand target; and __fish_seen_subcommand_from describe" -l profile -d 'Settings and sign-in to use, one set per broker' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand target; and __fish_seen_subcommand_from describe" -l broker -d 'Broker to use instead of the profile\'s' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand target; and __fish_seen_subcommand_from describe" -l token-store -d 'Where tokens are kept' -r -f -a "keyring\t'The system\'s keyring'
file\t'A file of mode 0600'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand target; and __fish_seen_subcommand_from describe" -l json -d 'As the broker answers, for programs'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand target; and __fish_seen_subcommand_from describe" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand target; and __fish_seen_subcommand_from help" -f -a "describe" -d 'Show which relations hold classified values, which are masked and which are not shown at all, and why'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand target; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand sessions; and not __fish_seen_subcommand_from end help" -l format -d 'How to print them' -r -f -a "table\t'Aligned, for people'
json\t'As the broker answers, for programs'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand sessions; and not __fish_seen_subcommand_from end help" -l profile -d 'Settings and sign-in to use, one set per broker' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand sessions; and not __fish_seen_subcommand_from end help" -l broker -d 'Broker to use instead of the profile\'s' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand sessions; and not __fish_seen_subcommand_from end help" -l token-store -d 'Where tokens are kept' -r -f -a "keyring\t'The system\'s keyring'
file\t'A file of mode 0600'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand sessions; and not __fish_seen_subcommand_from end help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand sessions; and not __fish_seen_subcommand_from end help" -f -a "end" -d 'End a session; its connections are cut within a second'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand sessions; and not __fish_seen_subcommand_from end help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand sessions; and __fish_seen_subcommand_from end" -l profile -d 'Settings and sign-in to use, one set per broker' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand sessions; and __fish_seen_subcommand_from end" -l broker -d 'Broker to use instead of the profile\'s' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand sessions; and __fish_seen_subcommand_from end" -l token-store -d 'Where tokens are kept' -r -f -a "keyring\t'The system\'s keyring'
file\t'A file of mode 0600'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand sessions; and __fish_seen_subcommand_from end" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand sessions; and __fish_seen_subcommand_from help" -f -a "end" -d 'End a session; its connections are cut within a second'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand sessions; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect" -l level -d 'Access level: masked, write or reveal' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect" -l reason -d 'Why; recorded, and shown to reviewers' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect" -l ttl -d 'How long at most, such as `30m`; the broker has the last word' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect" -l database -d 'Database; the target\'s default if left out' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect" -l wait-approval -d 'How long to wait for an approval where one is needed, such as `15m`; 10 minutes on a terminal, else not at all' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect" -l port -d 'Port number: of the TCP port, or in the socket\'s name' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect" -l for -d 'Print the settings of this tool; by TCP where it cannot use a socket' -r -f -a "psql\t'A psql command line'
jdbc\t'A JDBC URL'
dbeaver\t'The fields of DBeaver\'s dialog'
django\t'Django\'s DATABASES'
url\t'A libpq URL'
env\t'Shell exports'
service\t'A section of `pg_service.conf`'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect" -l profile -d 'Settings and sign-in to use, one set per broker' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect" -l broker -d 'Broker to use instead of the profile\'s' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect" -l token-store -d 'Where tokens are kept' -r -f -a "keyring\t'The system\'s keyring'
file\t'A file of mode 0600'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect" -l tcp -d 'Listen on 127.0.0.1 instead of a Unix socket'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand exec" -l level -d 'Access level: masked, write or reveal' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand exec" -l reason -d 'Why; recorded, and shown to reviewers' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand exec" -l ttl -d 'How long at most, such as `30m`; the broker has the last word' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand exec" -l database -d 'Database; the target\'s default if left out' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand exec" -l wait-approval -d 'How long to wait for an approval where one is needed, such as `15m`; 10 minutes on a terminal, else not at all' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand exec" -s c -l command -d 'The statement' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand exec" -s f -l file -d 'A file of statements; `-` is stdin' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand exec" -l param -d 'Value of the next parameter, $1 first; bound, never pasted into the text' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand exec" -l approval -d 'The approval that the statement was given; nothing is run when it cannot be used' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand exec" -l format -d 'How to print results' -r -f -a "table\t'Aligned, for people; control characters escaped'
json\t'One array of objects per result'
ndjson\t'One object per line'
csv\t'RFC 4180 with a heading; NULL is nothing, the empty text is `""`'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand exec" -l timeout -d 'Give up after so long, such as `30s`: the running statement is cancelled' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand exec" -l profile -d 'Settings and sign-in to use, one set per broker' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand exec" -l broker -d 'Broker to use instead of the profile\'s' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand exec" -l token-store -d 'Where tokens are kept' -r -f -a "keyring\t'The system\'s keyring'
file\t'A file of mode 0600'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand exec" -l request -d 'The file is one change set: judged whole before any of it runs, held for one approval, and run in one transaction. Held, it exits with 5; run the same command again once it is approved'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand exec" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand requests; and not __fish_seen_subcommand_from withdraw help" -l format -d 'How to print them' -r -f -a "table\t'Aligned, for people'
json\t'As the broker answers, for programs'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand requests; and not __fish_seen_subcommand_from withdraw help" -l profile -d 'Settings and sign-in to use, one set per broker' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand requests; and not __fish_seen_subcommand_from withdraw help" -l broker -d 'Broker to use instead of the profile\'s' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand requests; and not __fish_seen_subcommand_from withdraw help" -l token-store -d 'Where tokens are kept' -r -f -a "keyring\t'The system\'s keyring'
file\t'A file of mode 0600'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand requests; and not __fish_seen_subcommand_from withdraw help" -l mine -d 'Only those that you asked for'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand requests; and not __fish_seen_subcommand_from withdraw help" -l to-review -d 'Only those that you may decide now'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand requests; and not __fish_seen_subcommand_from withdraw help" -l all -d 'Those that have ended within the last hour, too'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand requests; and not __fish_seen_subcommand_from withdraw help" -l watch -d 'Go on, and print each change, until Ctrl-C'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand requests; and not __fish_seen_subcommand_from withdraw help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand requests; and not __fish_seen_subcommand_from withdraw help" -f -a "withdraw" -d 'Give a request of yours up'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand requests; and not __fish_seen_subcommand_from withdraw help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand requests; and __fish_seen_subcommand_from withdraw" -l profile -d 'Settings and sign-in to use, one set per broker' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand requests; and __fish_seen_subcommand_from withdraw" -l broker -d 'Broker to use instead of the profile\'s' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand requests; and __fish_seen_subcommand_from withdraw" -l token-store -d 'Where tokens are kept' -r -f -a "keyring\t'The system\'s keyring'
file\t'A file of mode 0600'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand requests; and __fish_seen_subcommand_from withdraw" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand requests; and __fish_seen_subcommand_from help" -f -a "withdraw" -d 'Give a request of yours up'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand requests; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand request" -l level -d 'Access level: masked, write or reveal' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand request" -l reason -d 'Why; recorded, and shown to reviewers' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand request" -l ttl -d 'How long the session may last at most, such as `30m`; the same as when it is opened' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand request" -l profile -d 'Settings and sign-in to use, one set per broker' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand request" -l broker -d 'Broker to use instead of the profile\'s' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand request" -l token-store -d 'Where tokens are kept' -r -f -a "keyring\t'The system\'s keyring'
file\t'A file of mode 0600'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand request" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approve" -l reason -d 'Why; recorded and signed' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approve" -l profile -d 'Settings and sign-in to use, one set per broker' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approve" -l broker -d 'Broker to use instead of the profile\'s' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approve" -l token-store -d 'Where tokens are kept' -r -f -a "keyring\t'The system\'s keyring'
file\t'A file of mode 0600'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approve" -l yes -d 'Do not ask: for where nobody sits at the terminal'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approve" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand deny" -l reason -d 'Why; recorded and signed' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand deny" -l profile -d 'Settings and sign-in to use, one set per broker' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand deny" -l broker -d 'Broker to use instead of the profile\'s' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand deny" -l token-store -d 'Where tokens are kept' -r -f -a "keyring\t'The system\'s keyring'
file\t'A file of mode 0600'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand deny" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand break-glass" -l level -d 'Access level: masked, write or reveal' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand break-glass" -l reason -d 'Why; recorded, and shown to reviewers' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand break-glass" -l ttl -d 'How long at most, such as `30m`; the broker has the last word' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand break-glass" -l database -d 'Database; the target\'s default if left out' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand break-glass" -l wait-approval -d 'How long to wait for an approval where one is needed, such as `15m`; 10 minutes on a terminal, else not at all' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand break-glass" -l ticket -d 'The incident that it belongs to; recorded, and told to everybody' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand break-glass" -l port -d 'Port number: of the TCP port, or in the socket\'s name' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand break-glass" -l for -d 'Print the settings of this tool; by TCP where it cannot use a socket' -r -f -a "psql\t'A psql command line'
jdbc\t'A JDBC URL'
dbeaver\t'The fields of DBeaver\'s dialog'
django\t'Django\'s DATABASES'
url\t'A libpq URL'
env\t'Shell exports'
service\t'A section of `pg_service.conf`'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand break-glass" -l profile -d 'Settings and sign-in to use, one set per broker' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand break-glass" -l broker -d 'Broker to use instead of the profile\'s' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand break-glass" -l token-store -d 'Where tokens are kept' -r -f -a "keyring\t'The system\'s keyring'
file\t'A file of mode 0600'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand break-glass" -l tcp -d 'Listen on 127.0.0.1 instead of a Unix socket'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand break-glass" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand enrol" -l name -d 'The account name to sign in with' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand enrol" -l profile -d 'Settings and sign-in to use, one set per broker' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand enrol" -l broker -d 'Broker to use instead of the profile\'s' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand enrol" -l token-store -d 'Where tokens are kept' -r -f -a "keyring\t'The system\'s keyring'
file\t'A file of mode 0600'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand enrol" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand findings; and not __fish_seen_subcommand_from review help" -l format -d 'How to print them' -r -f -a "table\t'Aligned, for people'
json\t'As the broker answers, for programs'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand findings; and not __fish_seen_subcommand_from review help" -l profile -d 'Settings and sign-in to use, one set per broker' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand findings; and not __fish_seen_subcommand_from review help" -l broker -d 'Broker to use instead of the profile\'s' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand findings; and not __fish_seen_subcommand_from review help" -l token-store -d 'Where tokens are kept' -r -f -a "keyring\t'The system\'s keyring'
file\t'A file of mode 0600'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand findings; and not __fish_seen_subcommand_from review help" -l all -d 'Closed ones, too'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand findings; and not __fish_seen_subcommand_from review help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand findings; and not __fish_seen_subcommand_from review help" -f -a "review" -d 'Say what you make of one. What it was for stands in the ledger: read that first'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand findings; and not __fish_seen_subcommand_from review help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand findings; and __fish_seen_subcommand_from review" -l note -d 'Why; recorded and signed' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand findings; and __fish_seen_subcommand_from review" -l profile -d 'Settings and sign-in to use, one set per broker' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand findings; and __fish_seen_subcommand_from review" -l broker -d 'Broker to use instead of the profile\'s' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand findings; and __fish_seen_subcommand_from review" -l token-store -d 'Where tokens are kept' -r -f -a "keyring\t'The system\'s keyring'
file\t'A file of mode 0600'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand findings; and __fish_seen_subcommand_from review" -l justified -d 'It was right to do so'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand findings; and __fish_seen_subcommand_from review" -l misused -d 'It was not; what follows from that is decided elsewhere'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand findings; and __fish_seen_subcommand_from review" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand findings; and __fish_seen_subcommand_from help" -f -a "review" -d 'Say what you make of one. What it was for stands in the ledger: read that first'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand findings; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token" -l reason -d 'Why; recorded' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token" -l profile -d 'Settings and sign-in to use, one set per broker' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token" -l broker -d 'Broker to use instead of the profile\'s' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token" -l token-store -d 'Where tokens are kept' -r -f -a "keyring\t'The system\'s keyring'
file\t'A file of mode 0600'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token" -l session -d 'Good for a whole session instead of one connection, where policy allows that'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and not __fish_seen_subcommand_from check test diff explain suggest help" -l profile -d 'Settings and sign-in to use, one set per broker' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and not __fish_seen_subcommand_from check test diff explain suggest help" -l broker -d 'Broker to use instead of the profile\'s' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and not __fish_seen_subcommand_from check test diff explain suggest help" -l token-store -d 'Where tokens are kept' -r -f -a "keyring\t'The system\'s keyring'
file\t'A file of mode 0600'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and not __fish_seen_subcommand_from check test diff explain suggest help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and not __fish_seen_subcommand_from check test diff explain suggest help" -f -a "check" -d 'Check policy files: grammar, schema, annotations, and rules that decide nothing. Offline'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and not __fish_seen_subcommand_from check test diff explain suggest help" -f -a "test" -d 'Judge the cases of a file and compare with what it expects. Offline'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and not __fish_seen_subcommand_from check test diff explain suggest help" -f -a "diff" -d 'Show which cases have another verdict, or other rules, under another policy. Offline'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and not __fish_seen_subcommand_from check test diff explain suggest help" -f -a "explain" -d 'Ask the broker what its policy would make of a statement, without running it'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and not __fish_seen_subcommand_from check test diff explain suggest help" -f -a "suggest" -d 'Rules that would permit what was seen on a target that is only observed, and no more'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and not __fish_seen_subcommand_from check test diff explain suggest help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from check" -l profile -d 'Settings and sign-in to use, one set per broker' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from check" -l broker -d 'Broker to use instead of the profile\'s' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from check" -l token-store -d 'Where tokens are kept' -r -f -a "keyring\t'The system\'s keyring'
file\t'A file of mode 0600'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from check" -l deny-warnings -d 'Warnings are failures too'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from test" -l profile -d 'Settings and sign-in to use, one set per broker' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from test" -l broker -d 'Broker to use instead of the profile\'s' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from test" -l token-store -d 'Where tokens are kept' -r -f -a "keyring\t'The system\'s keyring'
file\t'A file of mode 0600'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from test" -l require-coverage -d 'A rule that no case needs is a failure too'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from test" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from diff" -l cases -d 'Files of cases' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from diff" -l profile -d 'Settings and sign-in to use, one set per broker' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from diff" -l broker -d 'Broker to use instead of the profile\'s' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from diff" -l token-store -d 'Where tokens are kept' -r -f -a "keyring\t'The system\'s keyring'
file\t'A file of mode 0600'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from diff" -l exit-code -d 'End with 1 when any case has changed'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from diff" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from explain" -s c -l command -d 'The statement' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from explain" -l level -d 'Access level: masked, write or reveal' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from explain" -l as -d 'For whom, by principal id: as that person was when they last signed in. Only for those who may audit' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from explain" -l format -d 'How to print it' -r -f -a "table\t'Aligned, for people'
json\t'As the broker answers, for programs'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from explain" -l profile -d 'Settings and sign-in to use, one set per broker' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from explain" -l broker -d 'Broker to use instead of the profile\'s' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from explain" -l token-store -d 'Where tokens are kept' -r -f -a "keyring\t'The system\'s keyring'
file\t'A file of mode 0600'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from explain" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from suggest" -l profile -d 'Settings and sign-in to use, one set per broker' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from suggest" -l broker -d 'Broker to use instead of the profile\'s' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from suggest" -l token-store -d 'Where tokens are kept' -r -f -a "keyring\t'The system\'s keyring'
file\t'A file of mode 0600'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from suggest" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from help" -f -a "check" -d 'Check policy files: grammar, schema, annotations, and rules that decide nothing. Offline'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from help" -f -a "test" -d 'Judge the cases of a file and compare with what it expects. Offline'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from help" -f -a "diff" -d 'Show which cases have another verdict, or other rules, under another policy. Offline'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from help" -f -a "explain" -d 'Ask the broker what its policy would make of a statement, without running it'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from help" -f -a "suggest" -d 'Rules that would permit what was seen on a target that is only observed, and no more'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand audit; and not __fish_seen_subcommand_from verify help" -l profile -d 'Settings and sign-in to use, one set per broker' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand audit; and not __fish_seen_subcommand_from verify help" -l broker -d 'Broker to use instead of the profile\'s' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand audit; and not __fish_seen_subcommand_from verify help" -l token-store -d 'Where tokens are kept' -r -f -a "keyring\t'The system\'s keyring'
file\t'A file of mode 0600'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand audit; and not __fish_seen_subcommand_from verify help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand audit; and not __fish_seen_subcommand_from verify help" -f -a "verify" -d 'Check that nothing in a ledger was changed, taken out or put in, and that approvals were decided by those who signed them: files and a public key suffice'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand audit; and not __fish_seen_subcommand_from verify help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand audit; and __fish_seen_subcommand_from verify" -l key -d 'The public key that signs checkpoints, as `hoop-broker ledger-key` prints it; from the broker\'s administrator, never from the ledger\'s own folder' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand audit; and __fish_seen_subcommand_from verify" -l profile -d 'Settings and sign-in to use, one set per broker' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand audit; and __fish_seen_subcommand_from verify" -l broker -d 'Broker to use instead of the profile\'s' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand audit; and __fish_seen_subcommand_from verify" -l token-store -d 'Where tokens are kept' -r -f -a "keyring\t'The system\'s keyring'
file\t'A file of mode 0600'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand audit; and __fish_seen_subcommand_from verify" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand audit; and __fish_seen_subcommand_from help" -f -a "verify" -d 'Check that nothing in a ledger was changed, taken out or put in, and that approvals were decided by those who signed them: files and a public key suffice'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand audit; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand version" -l profile -d 'Settings and sign-in to use, one set per broker' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand version" -l broker -d 'Broker to use instead of the profile\'s' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand version" -l token-store -d 'Where tokens are kept' -r -f -a "keyring\t'The system\'s keyring'
file\t'A file of mode 0600'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand version" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand completions" -l profile -d 'Settings and sign-in to use, one set per broker' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand completions" -l broker -d 'Broker to use instead of the profile\'s' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand completions" -l token-store -d 'Where tokens are kept' -r -f -a "keyring\t'The system\'s keyring'
file\t'A file of mode 0600'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand completions" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand help; and not __fish_seen_subcommand_from login logout whoami targets target sessions connect exec requests request approve deny break-glass enrol findings token policy audit version completions help" -f -a "login" -d 'Sign in by a code that is confirmed in a browser, here or on another device'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand help; and not __fish_seen_subcommand_from login logout whoami targets target sessions connect exec requests request approve deny break-glass enrol findings token policy audit version completions help" -f -a "logout" -d 'End the sign-in at the broker and forget its tokens'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand help; and not __fish_seen_subcommand_from login logout whoami targets target sessions connect exec requests request approve deny break-glass enrol findings token policy audit version completions help" -f -a "whoami" -d 'Show who the broker takes you for'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand help; and not __fish_seen_subcommand_from login logout whoami targets target sessions connect exec requests request approve deny break-glass enrol findings token policy audit version completions help" -f -a "targets" -d 'List the targets that you may see'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand help; and not __fish_seen_subcommand_from login logout whoami targets target sessions connect exec requests request approve deny break-glass enrol findings token policy audit version completions help" -f -a "target" -d 'Look at one target'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand help; and not __fish_seen_subcommand_from login logout whoami targets target sessions connect exec requests request approve deny break-glass enrol findings token policy audit version completions help" -f -a "sessions" -d 'List your open sessions, or end one'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand help; and not __fish_seen_subcommand_from login logout whoami targets target sessions connect exec requests request approve deny break-glass enrol findings token policy audit version completions help" -f -a "connect" -d 'Open a session and a local socket or port for any PostgreSQL client'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand help; and not __fish_seen_subcommand_from login logout whoami targets target sessions connect exec requests request approve deny break-glass enrol findings token policy audit version completions help" -f -a "exec" -d 'Run statements and print their results'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand help; and not __fish_seen_subcommand_from login logout whoami targets target sessions connect exec requests request approve deny break-glass enrol findings token policy audit version completions help" -f -a "requests" -d 'List what waits for an approval, yours and what you may decide'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand help; and not __fish_seen_subcommand_from login logout whoami targets target sessions connect exec requests request approve deny break-glass enrol findings token policy audit version completions help" -f -a "request" -d 'Ask for a session\'s approval, without opening it'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand help; and not __fish_seen_subcommand_from login logout whoami targets target sessions connect exec requests request approve deny break-glass enrol findings token policy audit version completions help" -f -a "approve" -d 'Read what is held, and let it run'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand help; and not __fish_seen_subcommand_from login logout whoami targets target sessions connect exec requests request approve deny break-glass enrol findings token policy audit version completions help" -f -a "deny" -d 'Say no to what is held'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand help; and not __fish_seen_subcommand_from login logout whoami targets target sessions connect exec requests request approve deny break-glass enrol findings token policy audit version completions help" -f -a "break-glass" -d 'Open a session in an emergency, without an approval; everybody hears of it'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand help; and not __fish_seen_subcommand_from login logout whoami targets target sessions connect exec requests request approve deny break-glass enrol findings token policy audit version completions help" -f -a "enrol" -d 'Prepare for breaking the glass while the identity provider is down'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand help; and not __fish_seen_subcommand_from login logout whoami targets target sessions connect exec requests request approve deny break-glass enrol findings token policy audit version completions help" -f -a "findings" -d 'List what must be reviewed, and review it'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand help; and not __fish_seen_subcommand_from login logout whoami targets target sessions connect exec requests request approve deny break-glass enrol findings token policy audit version completions help" -f -a "token" -d 'Get a password for the broker\'s native PostgreSQL listener, for tools that cannot run hoopctl'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand help; and not __fish_seen_subcommand_from login logout whoami targets target sessions connect exec requests request approve deny break-glass enrol findings token policy audit version completions help" -f -a "policy" -d 'Check, test, compare and explain policies'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand help; and not __fish_seen_subcommand_from login logout whoami targets target sessions connect exec requests request approve deny break-glass enrol findings token policy audit version completions help" -f -a "audit" -d 'Check the broker\'s ledger, offline'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand help; and not __fish_seen_subcommand_from login logout whoami targets target sessions connect exec requests request approve deny break-glass enrol findings token policy audit version completions help" -f -a "version" -d 'Show the version of hoopctl and of its API'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand help; and not __fish_seen_subcommand_from login logout whoami targets target sessions connect exec requests request approve deny break-glass enrol findings token policy audit version completions help" -f -a "completions" -d 'Print a completion script'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand help; and not __fish_seen_subcommand_from login logout whoami targets target sessions connect exec requests request approve deny break-glass enrol findings token policy audit version completions help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand help; and __fish_seen_subcommand_from target" -f -a "describe" -d 'Show which relations hold classified values, which are masked and which are not shown at all, and why'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand help; and __fish_seen_subcommand_from sessions" -f -a "end" -d 'End a session; its connections are cut within a second'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand help; and __fish_seen_subcommand_from requests" -f -a "withdraw" -d 'Give a request of yours up'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand help; and __fish_seen_subcommand_from findings" -f -a "review" -d 'Say what you make of one. What it was for stands in the ledger: read that first'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand help; and __fish_seen_subcommand_from policy" -f -a "check" -d 'Check policy files: grammar, schema, annotations, and rules that decide nothing. Offline'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand help; and __fish_seen_subcommand_from policy" -f -a "test" -d 'Judge the cases of a file and compare with what it expects. Offline'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand help; and __fish_seen_subcommand_from policy" -f -a "diff" -d 'Show which cases have another verdict, or other rules, under another policy. Offline'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand help; and __fish_seen_subcommand_from policy" -f -a "explain" -d 'Ask the broker what its policy would make of a statement, without running it'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand help; and __fish_seen_subcommand_from policy" -f -a "suggest" -d 'Rules that would permit what was seen on a target that is only observed, and no more'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand help; and __fish_seen_subcommand_from audit" -f -a "verify" -d 'Check that nothing in a ledger was changed, taken out or put in, and that approvals were decided by those who signed them: files and a public key suffice'
