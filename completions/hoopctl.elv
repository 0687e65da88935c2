
use builtin;
use str;

set edit:completion:arg-completer[hoopctl] = {|@words|
    fn spaces {|n|
        builtin:repeat $n ' ' | str:join ''
    }
    fn cand {|text desc|
        edit:complex-candidate $text &display=$text' '(spaces (- 14 (wcswidth $text)))$desc
    }
    var command = 'hoopctl'
    for word $words[1..-1] {
        if (str:has-prefix $word '-') {
            break
        }
        set command = $command';'$word
    }
    var completions = [
        &'hoopctl'= {
            cand --profile 'Settings and sign-in to use, one set per broker'
            cand --broker 'Broker to use instead of the profile''s'
            cand --token-store 'Where tokens are kept'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
            cand login 'Sign in by a code that is confirmed in a browser, here or on another device'
            cand logout 'End the sign-in at the broker and forget its tokens'
            cand whoami 'Show who the broker takes you for'
            cand targets 'List the targets that you may see'
            cand target 'Look at one target'
            cand sessions 'List your open sessions, or end one'
            cand connect 'Open a session and a local socket or port for any PostgreSQL client'
            cand exec 'Run statements and print their results'
            cand requests 'List what waits for an approval, yours and what you may decide'
            cand request 'Ask for a session''s approval, without opening it'
            cand approve 'Read what is held, and let it run'
            cand deny 'Say no to what is held'
            cand break-glass 'Open a session in an emergency, without an approval; everybody hears of it'
            cand enrol 'Prepare for breaking the glass while the identity provider is down'
            cand findings 'List what must be reviewed, and review it'
            cand token 'Get a password for the broker''s native PostgreSQL listener, for tools that cannot run hoopctl'
            cand policy 'Check, test, compare and explain policies'
            cand audit 'Check the broker''s ledger, offline'
            cand version 'Show the version of hoopctl and of its API'
            cand completions 'Print a completion script'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'hoopctl;login'= {
            cand --fingerprint 'SHA-256 fingerprint of the broker''s certificate, as its operator says'
            cand --profile 'Settings and sign-in to use, one set per broker'
            cand --token-store 'Where tokens are kept'
            cand --device 'Show the code only; open no browser here'
            cand --fresh 'Sign in anew even where the identity provider remembers you: rules can ask reviewers for it'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'hoopctl;logout'= {
            cand --profile 'Settings and sign-in to use, one set per broker'
            cand --broker 'Broker to use instead of the profile''s'
            cand --token-store 'Where tokens are kept'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'hoopctl;whoami'= {
            cand --format 'How to print it'
            cand --profile 'Settings and sign-in to use, one set per broker'
            cand --broker 'Broker to use instead of the profile''s'
            cand --token-store 'Where tokens are kept'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'hoopctl;targets'= {
            cand --format 'How to print them'
            cand --profile 'Settings and sign-in to use, one set per broker'
            cand --broker 'Broker to use instead of the profile''s'
            cand --token-store 'Where tokens are kept'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'hoopctl;target'= {
            cand --profile 'Settings and sign-in to use, one set per broker'
            cand --broker 'Broker to use instead of the profile''s'
            cand --token-store 'Where tokens are kept'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand describe 'Show which relations hold classified values, which are masked and which are not shown at all, and why'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'hoopctl;target;describe'= {
            cand --database 'Database; the target''s default if left out'
            cand --profile 'Settings and sign-in to use, one set per broker'
            cand --broker 'Broker to use instead of the profile''s'
            cand --token-store 'Where tokens are kept'
            cand --json 'As the broker answers, for programs'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'hoopctl;target;help'= {
            cand describe 'Show which relations hold classified values, which are masked and which are not shown at all, and why'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'hoopctl;target;help;describe'= {
        }
        &'hoopctl;target;help;help'= {
        }
        &'hoopctl;sessions'= {
            cand --format 'How to print them'
            cand --profile 'Settings and sign-in to use, one set per broker'
            cand --broker 'Broker to use instead of the profile''s'
            cand --token-store 'Where tokens are kept'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand end 'End a session; its connections are cut within a second'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'hoopctl;sessions;end'= {
            cand --profile 'Settings and sign-in to use, one set per broker'
            cand --broker 'Broker to use instead of the profile''s'
            cand --token-store 'Where tokens are kept'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'hoopctl;sessions;help'= {
            cand end 'End a session; its connections are cut within a second'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'hoopctl;sessions;help;end'= {
        }
        &'hoopctl;sessions;help;help'= {
        }
        &'hoopctl;connect'= {
            cand --level 'Access level: masked, write or reveal'
            cand --reason 'Why; recorded, and shown to reviewers'
            cand --ttl 'How long at most, such as `30m`; the broker has the last word'
            cand --database 'Database; the target''s default if left out'
            cand --wait-approval 'How long to wait for an approval where one is needed, such as `15m`; 10 minutes on a terminal, else not at all'
            cand --port 'Port number: of the TCP port, or in the socket''s name'
            cand --for 'Print the settings of this tool; by TCP where it cannot use a socket'
            cand --profile 'Settings and sign-in to use, one set per broker'
            cand --broker 'Broker to use instead of the profile''s'
            cand --token-store 'Where tokens are kept'
            cand --tcp 'Listen on 127.0.0.1 instead of a Unix socket'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'hoopctl;exec'= {
            cand --level 'Access level: masked, write or reveal'
            cand --reason 'Why; recorded, and shown to reviewers'
            cand --ttl 'How long at most, such as `30m`; the broker has the last word'
            cand --database 'Database; the target''s default if left out'
            cand --wait-approval 'How long to wait for an approval where one is needed, such as `15m`; 10 minutes on a terminal, else not at all'
            cand -c 'The statement'
            cand --command 'The statement'
            cand -f 'A file of statements; `-` is stdin'
            cand --file 'A file of statements; `-` is stdin'
            cand --param 'Value of the next parameter, $1 first; bound, never pasted into the text'
            cand --approval 'The approval that the statement was given; nothing is run when it cannot be used'
            cand --format 'How to print results'
            cand --timeout 'Give up after so long, such as `30s`: the running statement is cancelled'
            cand --profile 'Settings and sign-in to use, one set per broker'
            cand --broker 'Broker to use instead of the profile''s'
            cand --token-store 'Where tokens are kept'
            cand --request 'The file is one change set: judged whole before any of it runs, held for one approval, and run in one transaction. Held, it exits with 5; run the same command again once it is approved'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'hoopctl;requests'= {
            cand --format 'How to print them'
            cand --profile 'Settings and sign-in to use, one set per broker'
            cand --broker 'Broker to use instead of the profile''s'
            cand --token-store 'Where tokens are kept'
            cand --mine 'Only those that you asked for'
            cand --to-review 'Only those that you may decide now'
            cand --all 'Those that have ended within the last hour, too'
            cand --watch 'Go on, and print each change, until Ctrl-C'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand withdraw 'Give a request of yours up'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'hoopctl;requests;withdraw'= {
            cand --profile 'Settings and sign-in to use, one set per broker'
            cand --broker 'Broker to use instead of the profile''s'
            cand --token-store 'Where tokens are kept'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'hoopctl;requests;help'= {
            cand withdraw 'Give a request of yours up'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'hoopctl;requests;help;withdraw'= {
        }
        &'hoopctl;requests;help;help'= {
        }
        &'hoopctl;request'= {
            cand --level 'Access level: masked, write or reveal'
            cand --reason 'Why; recorded, and shown to reviewers'
            cand --ttl 'How long the session may last at most, such as `30m`; the same as when it is opened'
            cand --profile 'Settings and sign-in to use, one set per broker'
            cand --broker 'Broker to use instead of the profile''s'
            cand --token-store 'Where tokens are kept'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'hoopctl;approve'= {
            cand --reason 'Why; recorded and signed'
            cand --profile 'Settings and sign-in to use, one set per broker'
            cand --broker 'Broker to use instead of the profile''s'
            cand --token-store 'Where tokens are kept'
            cand --yes 'Do not ask: for where nobody sits at the terminal'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'hoopctl;deny'= {
            cand --reason 'Why; recorded and signed'
            cand --profile 'Settings and sign-in to use, one set per broker'
            cand --broker 'Broker to use instead of the profile''s'
            cand --token-store 'Where tokens are kept'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'hoopctl;break-glass'= {
            cand --level 'Access level: masked, write or reveal'
            cand --reason 'Why; recorded, and shown to reviewers'
            cand --ttl 'How long at most, such as `30m`; the broker has the last word'
            cand --database 'Database; the target''s default if left out'
            cand --wait-approval 'How long to wait for an approval where one is needed, such as `15m`; 10 minutes on a terminal, else not at all'
            cand --ticket 'The incident that it belongs to; recorded, and told to everybody'
            cand --port 'Port number: of the TCP port, or in the socket''s name'
            cand --for 'Print the settings of this tool; by TCP where it cannot use a socket'
            cand --profile 'Settings and sign-in to use, one set per broker'
            cand --broker 'Broker to use instead of the profile''s'
            cand --token-store 'Where tokens are kept'
            cand --tcp 'Listen on 127.0.0.1 instead of a Unix socket'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'hoopctl;enrol'= {
            cand --name 'The account name to sign in with'
            cand --profile 'Settings and sign-in to use, one set per broker'
            cand --broker 'Broker to use instead of the profile''s'
            cand --token-store 'Where tokens are kept'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'hoopctl;findings'= {
            cand --format 'How to print them'
            cand --profile 'Settings and sign-in to use, one set per broker'
            cand --broker 'Broker to use instead of the profile''s'
            cand --token-store 'Where tokens are kept'
            cand --all 'Closed ones, too'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand review 'Say what you make of one. What it was for stands in the ledger: read that first'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'hoopctl;findings;review'= {
            cand --note 'Why; recorded and signed'
            cand --profile 'Settings and sign-in to use, one set per broker'
            cand --broker 'Broker to use instead of the profile''s'
            cand --token-store 'Where tokens are kept'
            cand --justified 'It was right to do so'
            cand --misused 'It was not; what follows from that is decided elsewhere'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'hoopctl;findings;help'= {
            cand review 'Say what you make of one. What it was for stands in the ledger: read that first'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'hoopctl;findings;help;review'= {
        }
        &'hoopctl;findings;help;help'= {
        }
        &'hoopctl;token'= {
            cand --reason 'Why; recorded'
            cand --profile 'Settings and sign-in to use, one set per broker'
            cand --broker 'Broker to use instead of the profile''s'
            cand --token-store 'Where tokens are kept'
            cand --session 'Good for a whole session instead of one connection, where policy allows that'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'hoopctl;policy'= {
            cand --profile 'Settings and sign-in to use, one set per broker'
            cand --broker 'Broker to use instead of the profile''s'
            cand --token-store 'Where tokens are kept'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand check 'Check policy files: grammar, schema, annotations, and rules that decide nothing. Offline'
            cand test 'Judge the cases of a file and compare with what it expects. Offline'
            cand diff 'Show which cases have another verdict, or other rules, under another policy. Offline'
            cand explain 'Ask the broker what its policy would make of a statement, without running it'
            cand suggest 'Rules that would permit what was seen on a target that is only observed, and no more'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'hoopctl;policy;check'= {
            cand --profile 'Settings and sign-in to use, one set per broker'
            cand --broker 'Broker to use instead of the profile''s'
            cand --token-store 'Where tokens are kept'
            cand --deny-warnings 'Warnings are failures too'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'hoopctl;policy;test'= {
            cand --profile 'Settings and sign-in to use, one set per broker'
            cand --broker 'Broker to use instead of the profile''s'
            cand --token-store 'Where tokens are kept'
            cand --require-coverage 'A rule that no case needs is a failure too'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'hoopctl;policy;diff'= {
            cand --cases 'Files of cases'
            cand --profile 'Settings and sign-in to use, one set per broker'
            cand --broker 'Broker to use instead of the profile''s'
            cand --token-store 'Where tokens are kept'
            cand --exit-code 'End with 1 when any case has changed'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'hoopctl;policy;explain'= {
            cand -c 'The statement'
            cand --command 'The statement'
            cand --level 'Access level: masked, write or reveal'
            cand --as 'For whom, by principal id: as that person was when they last signed in. Only for those who may audit'
            cand --format 'How to print it'
            cand --profile 'Settings and sign-in to use, one set per broker'
            cand --broker 'Broker to use instead of the profile''s'
            cand --token-store 'Where tokens are kept'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'hoopctl;policy;suggest'= {
            cand --profile 'Settings and sign-in to use, one set per broker'
            cand --broker 'Broker to use instead of the profile''s'
            cand --token-store 'Where tokens are kept'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'hoopctl;policy;help'= {
            cand check 'Check policy files: grammar, schema, annotations, and rules that decide nothing. Offline'
            cand test 'Judge the cases of a file and compare with what it expects. Offline'
            cand diff 'Show which cases have another verdict, or other rules, under another policy. Offline'
            cand explain 'Ask the broker what its policy would make of a statement, without running it'
            cand suggest 'Rules that would permit what was seen on a target that is only observed, and no more'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'hoopctl;policy;help;check'= {
        }
        &'hoopctl;policy;help;test'= {
        }
        &'hoopctl;policy;help;diff'= {
        }
        &'hoopctl;policy;help;explain'= {
        }
        &'hoopctl;policy;help;suggest'= {
        }
        &'hoopctl;policy;help;help'= {
        }
        &'hoopctl;audit'= {
            cand --profile 'Settings and sign-in to use, one set per broker'
            cand --broker 'Broker to use instead of the profile''s'
            cand --token-store 'Where tokens are kept'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand verify 'Check that nothing in a ledger was changed, taken out or put in, and that approvals were decided by those who signed them: files and a public key suffice'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'hoopctl;audit;verify'= {
            cand --key 'The public key that signs checkpoints, as `hoop-broker ledger-key` prints it; from the broker''s administrator, never from the ledger''s own folder'
            cand --profile 'Settings and sign-in to use, one set per broker'
            cand --broker 'Broker to use instead of the profile''s'
            cand --token-store 'Where tokens are kept'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'hoopctl;audit;help'= {
            cand verify 'Check that nothing in a ledger was changed, taken out or put in, and that approvals were decided by those who signed them: files and a public key suffice'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'hoopctl;audit;help;verify'= {
        }
        &'hoopctl;audit;help;help'= {
        }
        &'hoopctl;version'= {
            cand --profile 'Settings and sign-in to use, one set per broker'
            cand --broker 'Broker to use instead of the profile''s'
            cand --token-store 'Where tokens are kept'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'hoopctl;completions'= {
            cand --profile 'Settings and sign-in to use, one set per broker'
            cand --broker 'Broker to use instead of the profile''s'
            cand --token-store 'Where tokens are kept'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'hoopctl;help'= {
            cand login 'Sign in by a code that is confirmed in a browser, here or on another device'
            cand logout 'End the sign-in at the broker and forget its tokens'
            cand whoami 'Show who the broker takes you for'
            cand targets 'List the targets that you may see'
            cand target 'Look at one target'
            cand sessions 'List your open sessions, or end one'
            cand connect 'Open a session and a local socket or port for any PostgreSQL client'
            cand exec 'Run statements and print their results'
            cand requests 'List what waits for an approval, yours and what you may decide'
            cand request 'Ask for a session''s approval, without opening it'
            cand approve 'Read what is held, and let it run'
            cand deny 'Say no to what is held'
            cand break-glass 'Open a session in an emergency, without an approval; everybody hears of it'
            cand enrol 'Prepare for breaking the glass while the identity provider is down'
            cand findings 'List what must be reviewed, and review it'
            cand token 'Get a password for the broker''s native PostgreSQL listener, for tools that cannot run hoopctl'
            cand policy 'Check, test, compare and explain policies'
            cand audit 'Check the broker''s ledger, offline'
            cand version 'Show the version of hoopctl and of its API'
            cand completions 'Print a completion script'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'hoopctl;help;login'= {
        }
        &'hoopctl;help;logout'= {
        }
        &'hoopctl;help;whoami'= {
        }
        &'hoopctl;help;targets'= {
        }
        &'hoopctl;help;target'= {
            cand describe 'Show which relations hold classified values, which are masked and which are not shown at all, and why'
        }
        &'hoopctl;help;target;describe'= {
        }
        &'hoopctl;help;sessions'= {
            cand end 'End a session; its connections are cut within a second'
        }
        &'hoopctl;help;sessions;end'= {
        }
        &'hoopctl;help;connect'= {
        }
        &'hoopctl;help;exec'= {
        }
        &'hoopctl;help;requests'= {
            cand withdraw 'Give a request of yours up'
        }
        &'hoopctl;help;requests;withdraw'= {
        }
        &'hoopctl;help;request'= {
        }
        &'hoopctl;help;approve'= {
        }
        &'hoopctl;help;deny'= {
        }
        &'hoopctl;help;break-glass'= {
        }
        &'hoopctl;help;enrol'= {
        }
        &'hoopctl;help;findings'= {
            cand review 'Say what you make of one. What it was for stands in the ledger: read that first'
        }
        &'hoopctl;help;findings;review'= {
        }
        &'hoopctl;help;token'= {
        }
        &'hoopctl;help;policy'= {
            cand check 'Check policy files: grammar, schema, annotations, and rules that decide nothing. Offline'
            cand test 'Judge the cases of a file and compare with what it expects. Offline'
            cand diff 'Show which cases have another verdict, or other rules, under another policy. Offline'
            cand explain 'Ask the broker what its policy would make of a statement, without running it'
            cand suggest 'Rules that would permit what was seen on a target that is only observed, and no more'
        }
        &'hoopctl;help;policy;check'= {
        }
        &'hoopctl;help;policy;test'= {
        }
        &'hoopctl;help;policy;diff'= {
        }
        &'hoopctl;help;policy;explain'= {
        }
        &'hoopctl;help;policy;suggest'= {
        }
        &'hoopctl;help;audit'= {
            cand verify 'Check that nothing in a ledger was changed, taken out or put in, and that approvals were decided by those who signed them: files and a public key suffice'
        }
        &'hoopctl;help;audit;verify'= {
        }
        &'hoopctl;help;version'= {
        }
        &'hoopctl;help;completions'= {
        }
        &'hoopctl;help;help'= {
        }
    ]
    $completions[$command]
}
