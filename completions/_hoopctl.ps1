
using namespace System.Management.Automation
using namespace System.Management.Automation.Language

Register-ArgumentCompleter -Native -CommandName 'hoopctl' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $commandElements = $commandAst.CommandElements
    $command = @(
        'hoopctl'
        for ($i = 1; $i -lt $commandElements.Count; $i++) {
            $element = $commandElements[$i]
            if ($element -isnot [StringConstantExpressionAst] -or
                $element.StringConstantType -ne [StringConstantType]::BareWord -or
                $element.Value.StartsWith('-') -or
                $element.Value -eq $wordToComplete) {
                break
        }
        $element.Value
    }) -join ';'

    $completions = @(switch ($command) {
        'hoopctl' {
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Settings and sign-in to use, one set per broker')
            [CompletionResult]::new('--broker', '--broker', [CompletionResultType]::ParameterName, 'Broker to use instead of the profile''s')
            [CompletionResult]::new('--token-store', '--token-store', [CompletionResultType]::ParameterName, 'Where tokens are kept')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('login', 'login', [CompletionResultType]::ParameterValue, 'Sign in by a code that is confirmed in a browser, here or on another device')
            [CompletionResult]::new('logout', 'logout', [CompletionResultType]::ParameterValue, 'End the sign-in at the broker and forget its tokens')
            [CompletionResult]::new('whoami', 'whoami', [CompletionResultType]::ParameterValue, 'Show who the broker takes you for')
            [CompletionResult]::new('targets', 'targets', [CompletionResultType]::ParameterValue, 'List the targets that you may see')
            [CompletionResult]::new('target', 'target', [CompletionResultType]::ParameterValue, 'Look at one target')
            [CompletionResult]::new('sessions', 'sessions', [CompletionResultType]::ParameterValue, 'List your open sessions, or end one')
            [CompletionResult]::new('connect', 'connect', [CompletionResultType]::ParameterValue, 'Open a session and a local socket or port for any PostgreSQL client')
            [CompletionResult]::new('exec', 'exec', [CompletionResultType]::ParameterValue, 'Run statements and print their results')
            [CompletionResult]::new('requests', 'requests', [CompletionResultType]::ParameterValue, 'List what waits for an approval, yours and what you may decide')
            [CompletionResult]::new('request', 'request', [CompletionResultType]::ParameterValue, 'Ask for a session''s approval, without opening it')
            [CompletionResult]::new('approve', 'approve', [CompletionResultType]::ParameterValue, 'Read what is held, and let it run')
            [CompletionResult]::new('deny', 'deny', [CompletionResultType]::ParameterValue, 'Say no to what is held')
            [CompletionResult]::new('break-glass', 'break-glass', [CompletionResultType]::ParameterValue, 'Open a session in an emergency, without an approval; everybody hears of it')
            [CompletionResult]::new('enrol', 'enrol', [CompletionResultType]::ParameterValue, 'Prepare for breaking the glass while the identity provider is down')
            [CompletionResult]::new('findings', 'findings', [CompletionResultType]::ParameterValue, 'List what must be reviewed, and review it')
            [CompletionResult]::new('token', 'token', [CompletionResultType]::ParameterValue, 'Get a password for the broker''s native PostgreSQL listener, for tools that cannot run hoopctl')
            [CompletionResult]::new('policy', 'policy', [CompletionResultType]::ParameterValue, 'Check, test, compare and explain policies')
            [CompletionResult]::new('audit', 'audit', [CompletionResultType]::ParameterValue, 'Check the broker''s ledger, offline')
            [CompletionResult]::new('version', 'version', [CompletionResultType]::ParameterValue, 'Show the version of hoopctl and of its API')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print a completion script')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'hoopctl;login' {
            [CompletionResult]::new('--fingerprint', '--fingerprint', [CompletionResultType]::ParameterName, 'SHA-256 fingerprint of the broker''s certificate, as its operator says')
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Settings and sign-in to use, one set per broker')
            [CompletionResult]::new('--token-store', '--token-store', [CompletionResultType]::ParameterName, 'Where tokens are kept')
            [CompletionResult]::new('--device', '--device', [CompletionResultType]::ParameterName, 'Show the code only; open no browser here')
            [CompletionResult]::new('--fresh', '--fresh', [CompletionResultType]::ParameterName, 'Sign in anew even where the identity provider remembers you: rules can ask reviewers for it')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'hoopctl;logout' {
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Settings and sign-in to use, one set per broker')
            [CompletionResult]::new('--broker', '--broker', [CompletionResultType]::ParameterName, 'Broker to use instead of the profile''s')
            [CompletionResult]::new('--token-store', '--token-store', [CompletionResultType]::ParameterName, 'Where tokens are kept')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'hoopctl;whoami' {
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How to print it')
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Settings and sign-in to use, one set per broker')
            [CompletionResult]::new('--broker', '--broker', [CompletionResultType]::ParameterName, 'Broker to use instead of the profile''s')
            [CompletionResult]::new('--token-store', '--token-store', [CompletionResultType]::ParameterName, 'Where tokens are kept')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'hoopctl;targets' {
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How to print them')
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Settings and sign-in to use, one set per broker')
            [CompletionResult]::new('--broker', '--broker', [CompletionResultType]::ParameterName, 'Broker to use instead of the profile''s')
            [CompletionResult]::new('--token-store', '--token-store', [CompletionResultType]::ParameterName, 'Where tokens are kept')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'hoopctl;target' {
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Settings and sign-in to use, one set per broker')
            [CompletionResult]::new('--broker', '--broker', [CompletionResultType]::ParameterName, 'Broker to use instead of the profile''s')
            [CompletionResult]::new('--token-store', '--token-store', [CompletionResultType]::ParameterName, 'Where tokens are kept')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('describe', 'describe', [CompletionResultType]::ParameterValue, 'Show which relations hold classified values, which are masked and which are not shown at all, and why')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'hoopctl;target;describe' {
            [CompletionResult]::new('--database', '--database', [CompletionResultType]::ParameterName, 'Database; the target''s default if left out')
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Settings and sign-in to use, one set per broker')
            [CompletionResult]::new('--broker', '--broker', [CompletionResultType]::ParameterName, 'Broker to use instead of the profile''s')
            [CompletionResult]::new('--token-store', '--token-store', [CompletionResultType]::ParameterName, 'Where tokens are kept')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'As the broker answers, for programs')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'hoopctl;target;help' {
            [CompletionResult]::new('describe', 'describe', [CompletionResultType]::ParameterValue, 'Show which relations hold classified values, which are masked and which are not shown at all, and why')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'hoopctl;target;help;describe' {
            break
        }
        'hoopctl;target;help;help' {
            break
        }
        'hoopctl;sessions' {
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How to print them')
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Settings and sign-in to use, one set per broker')
            [CompletionResult]::new('--broker', '--broker', [CompletionResultType]::ParameterName, 'Broker to use instead of the profile''s')
            [CompletionResult]::new('--token-store', '--token-store', [CompletionResultType]::ParameterName, 'Where tokens are kept')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('end', 'end', [CompletionResultType]::ParameterValue, 'End a session; its connections are cut within a second')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'hoopctl;sessions;end' {
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Settings and sign-in to use, one set per broker')
            [CompletionResult]::new('--broker', '--broker', [CompletionResultType]::ParameterName, 'Broker to use instead of the profile''s')
            [CompletionResult]::new('--token-store', '--token-store', [CompletionResultType]::ParameterName, 'Where tokens are kept')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'hoopctl;sessions;help' {
            [CompletionResult]::new('end', 'end', [CompletionResultType]::ParameterValue, 'End a session; its connections are cut within a second')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'hoopctl;sessions;help;end' {
            break
        }
        'hoopctl;sessions;help;help' {
            break
        }
        'hoopctl;connect' {
            [CompletionResult]::new('--level', '--level', [CompletionResultType]::ParameterName, 'Access level: masked, write or reveal')
            [CompletionResult]::new('--reason', '--reason', [CompletionResultType]::ParameterName, 'Why; recorded, and shown to reviewers')
            [CompletionResult]::new('--ttl', '--ttl', [CompletionResultType]::ParameterName, 'How long at most, such as `30m`; the broker has the last word')
            [CompletionResult]::new('--database', '--database', [CompletionResultType]::ParameterName, 'Database; the target''s default if left out')
            [CompletionResult]::new('--wait-approval', '--wait-approval', [CompletionResultType]::ParameterName, 'How long to wait for an approval where one is needed, such as `15m`; 10 minutes on a terminal, else not at all')
            [CompletionResult]::new('--port', '--port', [CompletionResultType]::ParameterName, 'Port number: of the TCP port, or in the socket''s name')
            [CompletionResult]::new('--for', '--for', [CompletionResultType]::ParameterName, 'Print the settings of this tool; by TCP where it cannot use a socket')
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Settings and sign-in to use, one set per broker')
            [CompletionResult]::new('--broker', '--broker', [CompletionResultType]::ParameterName, 'Broker to use instead of the profile''s')
            [CompletionResult]::new('--token-store', '--token-store', [CompletionResultType]::ParameterName, 'Where tokens are kept')
            [CompletionResult]::new('--tcp', '--tcp', [CompletionResultType]::ParameterName, 'Listen on 127.0.0.1 instead of a Unix socket')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'hoopctl;exec' {
            [CompletionResult]::new('--level', '--level', [CompletionResultType]::ParameterName, 'Access level: masked, write or reveal')
            [CompletionResult]::new('--reason', '--reason', [CompletionResultType]::ParameterName, 'Why; recorded, and shown to reviewers')
            [CompletionResult]::new('--ttl', '--ttl', [CompletionResultType]::ParameterName, 'How long at most, such as `30m`; the broker has the last word')
            [CompletionResult]::new('--database', '--database', [CompletionResultType]::ParameterName, 'Database; the target''s default if left out')
            [CompletionResult]::new('--wait-approval', '--wait-approval', [CompletionResultType]::ParameterName, 'How long to wait for an approval where one is needed, such as `15m`; 10 minutes on a terminal, else not at all')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'The statement')
            [CompletionResult]::new('--command', '--command', [CompletionResultType]::ParameterName, 'The statement')
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'A file of statements; `-` is stdin')
            [CompletionResult]::new('--file', '--file', [CompletionResultType]::ParameterName, 'A file of statements; `-` is stdin')
            [CompletionResult]::new('--param', '--param', [CompletionResultType]::ParameterName, 'Value of the next parameter, $1 first; bound, never pasted into the text')
            [CompletionResult]::new('--approval', '--approval', [CompletionResultType]::ParameterName, 'The approval that the statement was given; nothing is run when it cannot be used')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How to print results')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Give up after so long, such as `30s`: the running statement is cancelled')
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Settings and sign-in to use, one set per broker')
            [CompletionResult]::new('--broker', '--broker', [CompletionResultType]::ParameterName, 'Broker to use instead of the profile''s')
            [CompletionResult]::new('--token-store', '--token-store', [CompletionResultType]::ParameterName, 'Where tokens are kept')
            [CompletionResult]::new('--request', '--request', [CompletionResultType]::ParameterName, 'The file is one change set: judged whole before any of it runs, held for one approval, and run in one transaction. Held, it exits with 5; run the same command again once it is approved')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'hoopctl;requests' {
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How to print them')
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Settings and sign-in to use, one set per broker')
            [CompletionResult]::new('--broker', '--broker', [CompletionResultType]::ParameterName, 'Broker to use instead of the profile''s')
            [CompletionResult]::new('--token-store', '--token-store', [CompletionResultType]::ParameterName, 'Where tokens are kept')
            [CompletionResult]::new('--mine', '--mine', [CompletionResultType]::ParameterName, 'Only those that you asked for')
            [CompletionResult]::new('--to-review', '--to-review', [CompletionResultType]::ParameterName, 'Only those that you may decide now')
            [CompletionResult]::new('--all', '--all', [CompletionResultType]::ParameterName, 'Those that have ended within the last hour, too')
            [CompletionResult]::new('--watch', '--watch', [CompletionResultType]::ParameterName, 'Go on, and print each change, until Ctrl-C')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('withdraw', 'withdraw', [CompletionResultType]::ParameterValue, 'Give a request of yours up')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'hoopctl;requests;withdraw' {
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Settings and sign-in to use, one set per broker')
            [CompletionResult]::new('--broker', '--broker', [CompletionResultType]::ParameterName, 'Broker to use instead of the profile''s')
            [CompletionResult]::new('--token-store', '--token-store', [CompletionResultType]::ParameterName, 'Where tokens are kept')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'hoopctl;requests;help' {
            [CompletionResult]::new('withdraw', 'withdraw', [CompletionResultType]::ParameterValue, 'Give a request of yours up')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'hoopctl;requests;help;withdraw' {
            break
        }
        'hoopctl;requests;help;help' {
            break
        }
        'hoopctl;request' {
            [CompletionResult]::new('--level', '--level', [CompletionResultType]::ParameterName, 'Access level: masked, write or reveal')
            [CompletionResult]::new('--reason', '--reason', [CompletionResultType]::ParameterName, 'Why; recorded, and shown to reviewers')
            [CompletionResult]::new('--ttl', '--ttl', [CompletionResultType]::ParameterName, 'How long the session may last at most, such as `30m`; the same as when it is opened')
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Settings and sign-in to use, one set per broker')
            [CompletionResult]::new('--broker', '--broker', [CompletionResultType]::ParameterName, 'Broker to use instead of the profile''s')
            [CompletionResult]::new('--token-store', '--token-store', [CompletionResultType]::ParameterName, 'Where tokens are kept')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'hoopctl;approve' {
            [CompletionResult]::new('--reason', '--reason', [CompletionResultType]::ParameterName, 'Why; recorded and signed')
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Settings and sign-in to use, one set per broker')
            [CompletionResult]::new('--broker', '--broker', [CompletionResultType]::ParameterName, 'Broker to use instead of the profile''s')
            [CompletionResult]::new('--token-store', '--token-store', [CompletionResultType]::ParameterName, 'Where tokens are kept')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Do not ask: for where nobody sits at the terminal')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'hoopctl;deny' {
            [CompletionResult]::new('--reason', '--reason', [CompletionResultType]::ParameterName, 'Why; recorded and signed')
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Settings and sign-in to use, one set per broker')
            [CompletionResult]::new('--broker', '--broker', [CompletionResultType]::ParameterName, 'Broker to use instead of the profile''s')
            [CompletionResult]::new('--token-store', '--token-store', [CompletionResultType]::ParameterName, 'Where tokens are kept')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'hoopctl;break-glass' {
            [CompletionResult]::new('--level', '--level', [CompletionResultType]::ParameterName, 'Access level: masked, write or reveal')
            [CompletionResult]::new('--reason', '--reason', [CompletionResultType]::ParameterName, 'Why; recorded, and shown to reviewers')
            [CompletionResult]::new('--ttl', '--ttl', [CompletionResultType]::ParameterName, 'How long at most, such as `30m`; the broker has the last word')
            [CompletionResult]::new('--database', '--database', [CompletionResultType]::ParameterName, 'Database; the target''s default if left out')
            [CompletionResult]::new('--wait-approval', '--wait-approval', [CompletionResultType]::ParameterName, 'How long to wait for an approval where one is needed, such as `15m`; 10 minutes on a terminal, else not at all')
            [CompletionResult]::new('--ticket', '--ticket', [CompletionResultType]::ParameterName, 'The incident that it belongs to; recorded, and told to everybody')
            [CompletionResult]::new('--port', '--port', [CompletionResultType]::ParameterName, 'Port number: of the TCP port, or in the socket''s name')
            [CompletionResult]::new('--for', '--for', [CompletionResultType]::ParameterName, 'Print the settings of this tool; by TCP where it cannot use a socket')
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Settings and sign-in to use, one set per broker')
            [CompletionResult]::new('--broker', '--broker', [CompletionResultType]::ParameterName, 'Broker to use instead of the profile''s')
            [CompletionResult]::new('--token-store', '--token-store', [CompletionResultType]::ParameterName, 'Where tokens are kept')
            [CompletionResult]::new('--tcp', '--tcp', [CompletionResultType]::ParameterName, 'Listen on 127.0.0.1 instead of a Unix socket')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'hoopctl;enrol' {
            [CompletionResult]::new('--name', '--name', [CompletionResultType]::ParameterName, 'The account name to sign in with')
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Settings and sign-in to use, one set per broker')
            [CompletionResult]::new('--broker', '--broker', [CompletionResultType]::ParameterName, 'Broker to use instead of the profile''s')
            [CompletionResult]::new('--token-store', '--token-store', [CompletionResultType]::ParameterName, 'Where tokens are kept')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'hoopctl;findings' {
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How to print them')
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Settings and sign-in to use, one set per broker')
            [CompletionResult]::new('--broker', '--broker', [CompletionResultType]::ParameterName, 'Broker to use instead of the profile''s')
            [CompletionResult]::new('--token-store', '--token-store', [CompletionResultType]::ParameterName, 'Where tokens are kept')
            [CompletionResult]::new('--all', '--all', [CompletionResultType]::ParameterName, 'Closed ones, too')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('review', 'review', [CompletionResultType]::ParameterValue, 'Say what you make of one. What it was for stands in the ledger: read that first')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'hoopctl;findings;review' {
            [CompletionResult]::new('--note', '--note', [CompletionResultType]::ParameterName, 'Why; recorded and signed')
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Settings and sign-in to use, one set per broker')
            [CompletionResult]::new('--broker', '--broker', [CompletionResultType]::ParameterName, 'Broker to use instead of the profile''s')
            [CompletionResult]::new('--token-store', '--token-store', [CompletionResultType]::ParameterName, 'Where tokens are kept')
            [CompletionResult]::new('--justified', '--justified', [CompletionResultType]::ParameterName, 'It was right to do so')
            [CompletionResult]::new('--misused', '--misused', [CompletionResultType]::ParameterName, 'It was not; what follows from that is decided elsewhere')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'hoopctl;findings;help' {
            [CompletionResult]::new('review', 'review', [CompletionResultType]::ParameterValue, 'Say what you make of one. What it was for stands in the ledger: read that first')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'hoopctl;findings;help;review' {
            break
        }
        'hoopctl;findings;help;help' {
            break
        }
        'hoopctl;token' {
            [CompletionResult]::new('--reason', '--reason', [CompletionResultType]::ParameterName, 'Why; recorded')
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Settings and sign-in to use, one set per broker')
            [CompletionResult]::new('--broker', '--broker', [CompletionResultType]::ParameterName, 'Broker to use instead of the profile''s')
            [CompletionResult]::new('--token-store', '--token-store', [CompletionResultType]::ParameterName, 'Where tokens are kept')
            [CompletionResult]::new('--session', '--session', [CompletionResultType]::ParameterName, 'Good for a whole session instead of one connection, where policy allows that')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'hoopctl;policy' {
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Settings and sign-in to use, one set per broker')
            [CompletionResult]::new('--broker', '--broker', [CompletionResultType]::ParameterName, 'Broker to use instead of the profile''s')
            [CompletionResult]::new('--token-store', '--token-store', [CompletionResultType]::ParameterName, 'Where tokens are kept')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('check', 'check', [CompletionResultType]::ParameterValue, 'Check policy files: grammar, schema, annotations, and rules that decide nothing. Offline')
            [CompletionResult]::new('test', 'test', [CompletionResultType]::ParameterValue, 'Judge the cases of a file and compare with what it expects. Offline')
            [CompletionResult]::new('diff', 'diff', [CompletionResultType]::ParameterValue, 'Show which cases have another verdict, or other rules, under another policy. Offline')
            [CompletionResult]::new('explain', 'explain', [CompletionResultType]::ParameterValue, 'Ask the broker what its policy would make of a statement, without running it')
            [CompletionResult]::new('suggest', 'suggest', [CompletionResultType]::ParameterValue, 'Rules that would permit what was seen on a target that is only observed, and no more')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'hoopctl;policy;check' {
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Settings and sign-in to use, one set per broker')
            [CompletionResult]::new('--broker', '--broker', [CompletionResultType]::ParameterName, 'Broker to use instead of the profile''s')
            [CompletionResult]::new('--token-store', '--token-store', [CompletionResultType]::ParameterName, 'Where tokens are kept')
            [CompletionResult]::new('--deny-warnings', '--deny-warnings', [CompletionResultType]::ParameterName, 'Warnings are failures too')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'hoopctl;policy;test' {
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Settings and sign-in to use, one set per broker')
            [CompletionResult]::new('--broker', '--broker', [CompletionResultType]::ParameterName, 'Broker to use instead of the profile''s')
            [CompletionResult]::new('--token-store', '--token-store', [CompletionResultType]::ParameterName, 'Where tokens are kept')
            [CompletionResult]::new('--require-coverage', '--require-coverage', [CompletionResultType]::ParameterName, 'A rule that no case needs is a failure too')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'hoopctl;policy;diff' {
            [CompletionResult]::new('--cases', '--cases', [CompletionResultType]::ParameterName, 'Files of cases')
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Settings and sign-in to use, one set per broker')
            [CompletionResult]::new('--broker', '--broker', [CompletionResultType]::ParameterName, 'Broker to use instead of the profile''s')
            [CompletionResult]::new('--token-store', '--token-store', [CompletionResultType]::ParameterName, 'Where tokens are kept')
            [CompletionResult]::new('--exit-code', '--exit-code', [CompletionResultType]::ParameterName, 'End with 1 when any case has changed')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'hoopctl;policy;explain' {
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'The statement')
            [CompletionResult]::new('--command', '--command', [CompletionResultType]::ParameterName, 'The statement')
            [CompletionResult]::new('--level', '--level', [CompletionResultType]::ParameterName, 'Access level: masked, write or reveal')
            [CompletionResult]::new('--as', '--as', [CompletionResultType]::ParameterName, 'For whom, by principal id: as that person was when they last signed in. Only for those who may audit')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How to print it')
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Settings and sign-in to use, one set per broker')
            [CompletionResult]::new('--broker', '--broker', [CompletionResultType]::ParameterName, 'Broker to use instead of the profile''s')
            [CompletionResult]::new('--token-store', '--token-store', [CompletionResultType]::ParameterName, 'Where tokens are kept')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'hoopctl;policy;suggest' {
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Settings and sign-in to use, one set per broker')
            [CompletionResult]::new('--broker', '--broker', [CompletionResultType]::ParameterName, 'Broker to use instead of the profile''s')
            [CompletionResult]::new('--token-store', '--token-store', [CompletionResultType]::ParameterName, 'Where tokens are kept')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'hoopctl;policy;help' {
            [CompletionResult]::new('check', 'check', [CompletionResultType]::ParameterValue, 'Check policy files: grammar, schema, annotations, and rules that decide nothing. Offline')
            [CompletionResult]::new('test', 'test', [CompletionResultType]::ParameterValue, 'Judge the cases of a file and compare with what it expects. Offline')
            [CompletionResult]::new('diff', 'diff', [CompletionResultType]::ParameterValue, 'Show which cases have another verdict, or other rules, under another policy. Offline')
            [CompletionResult]::new('explain', 'explain', [CompletionResultType]::ParameterValue, 'Ask the broker what its policy would make of a statement, without running it')
            [CompletionResult]::new('suggest', 'suggest', [CompletionResultType]::ParameterValue, 'Rules that would permit what was seen on a target that is only observed, and no more')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'hoopctl;policy;help;check' {
            break
        }
        'hoopctl;policy;help;test' {
            break
        }
        'hoopctl;policy;help;diff' {
            break
        }
        'hoopctl;policy;help;explain' {
            break
        }
        'hoopctl;policy;help;suggest' {
            break
        }
        'hoopctl;policy;help;help' {
            break
        }
        'hoopctl;audit' {
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Settings and sign-in to use, one set per broker')
            [CompletionResult]::new('--broker', '--broker', [CompletionResultType]::ParameterName, 'Broker to use instead of the profile''s')
            [CompletionResult]::new('--token-store', '--token-store', [CompletionResultType]::ParameterName, 'Where tokens are kept')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('verify', 'verify', [CompletionResultType]::ParameterValue, 'Check that nothing in a ledger was changed, taken out or put in, and that approvals were decided by those who signed them: files and a public key suffice')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'hoopctl;audit;verify' {
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'The public key that signs checkpoints, as `hoop-broker ledger-key` prints it; from the broker''s administrator, never from the ledger''s own folder')
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Settings and sign-in to use, one set per broker')
            [CompletionResult]::new('--broker', '--broker', [CompletionResultType]::ParameterName, 'Broker to use instead of the profile''s')
            [CompletionResult]::new('--token-store', '--token-store', [CompletionResultType]::ParameterName, 'Where tokens are kept')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'hoopctl;audit;help' {
            [CompletionResult]::new('verify', 'verify', [CompletionResultType]::ParameterValue, 'Check that nothing in a ledger was changed, taken out or put in, and that approvals were decided by those who signed them: files and a public key suffice')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'hoopctl;audit;help;verify' {
            break
        }
        'hoopctl;audit;help;help' {
            break
        }
        'hoopctl;version' {
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Settings and sign-in to use, one set per broker')
            [CompletionResult]::new('--broker', '--broker', [CompletionResultType]::ParameterName, 'Broker to use instead of the profile''s')
            [CompletionResult]::new('--token-store', '--token-store', [CompletionResultType]::ParameterName, 'Where tokens are kept')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'hoopctl;completions' {
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Settings and sign-in to use, one set per broker')
            [CompletionResult]::new('--broker', '--broker', [CompletionResultType]::ParameterName, 'Broker to use instead of the profile''s')
            [CompletionResult]::new('--token-store', '--token-store', [CompletionResultType]::ParameterName, 'Where tokens are kept')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'hoopctl;help' {
            [CompletionResult]::new('login', 'login', [CompletionResultType]::ParameterValue, 'Sign in by a code that is confirmed in a browser, here or on another device')
            [CompletionResult]::new('logout', 'logout', [CompletionResultType]::ParameterValue, 'End the sign-in at the broker and forget its tokens')
            [CompletionResult]::new('whoami', 'whoami', [CompletionResultType]::ParameterValue, 'Show who the broker takes you for')
            [CompletionResult]::new('targets', 'targets', [CompletionResultType]::ParameterValue, 'List the targets that you may see')
            [CompletionResult]::new('target', 'target', [CompletionResultType]::ParameterValue, 'Look at one target')
            [CompletionResult]::new('sessions', 'sessions', [CompletionResultType]::ParameterValue, 'List your open sessions, or end one')
            [CompletionResult]::new('connect', 'connect', [CompletionResultType]::ParameterValue, 'Open a session and a local socket or port for any PostgreSQL client')
            [CompletionResult]::new('exec', 'exec', [CompletionResultType]::ParameterValue, 'Run statements and print their results')
            [CompletionResult]::new('requests', 'requests', [CompletionResultType]::ParameterValue, 'List what waits for an approval, yours and what you may decide')
            [CompletionResult]::new('request', 'request', [CompletionResultType]::ParameterValue, 'Ask for a session''s approval, without opening it')
            [CompletionResult]::new('approve', 'approve', [CompletionResultType]::ParameterValue, 'Read what is held, and let it run')
            [CompletionResult]::new('deny', 'deny', [CompletionResultType]::ParameterValue, 'Say no to what is held')
            [CompletionResult]::new('break-glass', 'break-glass', [CompletionResultType]::ParameterValue, 'Open a session in an emergency, without an approval; everybody hears of it')
            [CompletionResult]::new('enrol', 'enrol', [CompletionResultType]::ParameterValue, 'Prepare for breaking the glass while the identity provider is down')
            [CompletionResult]::new('findings', 'findings', [CompletionResultType]::ParameterValue, 'List what must be reviewed, and review it')
            [CompletionResult]::new('token', 'token', [CompletionResultType]::ParameterValue, 'Get a password for the broker''s native PostgreSQL listener, for tools that cannot run hoopctl')
            [CompletionResult]::new('policy', 'policy', [CompletionResultType]::ParameterValue, 'Check, test, compare and explain policies')
            [CompletionResult]::new('audit', 'audit', [CompletionResultType]::ParameterValue, 'Check the broker''s ledger, offline')
            [CompletionResult]::new('version', 'version', [CompletionResultType]::ParameterValue, 'Show the version of hoopctl and of its API')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print a completion script')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'hoopctl;help;login' {
            break
        }
        'hoopctl;help;logout' {
            break
        }
        'hoopctl;help;whoami' {
            break
        }
        'hoopctl;help;targets' {
            break
        }
        'hoopctl;help;target' {
            [CompletionResult]::new('describe', 'describe', [CompletionResultType]::ParameterValue, 'Show which relations hold classified values, which are masked and which are not shown at all, and why')
            break
        }
        'hoopctl;help;target;describe' {
            break
        }
        'hoopctl;help;sessions' {
            [CompletionResult]::new('end', 'end', [CompletionResultType]::ParameterValue, 'End a session; its connections are cut within a second')
            break
        }
        'hoopctl;help;sessions;end' {
            break
        }
        'hoopctl;help;connect' {
            break
        }
        'hoopctl;help;exec' {
            break
        }
        'hoopctl;help;requests' {
            [CompletionResult]::new('withdraw', 'withdraw', [CompletionResultType]::ParameterValue, 'Give a request of yours up')
            break
        }
        'hoopctl;help;requests;withdraw' {
            break
        }
        'hoopctl;help;request' {
            break
        }
        'hoopctl;help;approve' {
            break
        }
        'hoopctl;help;deny' {
            break
        }
        'hoopctl;help;break-glass' {
            break
        }
        'hoopctl;help;enrol' {
            break
        }
        'hoopctl;help;findings' {
            [CompletionResult]::new('review', 'review', [CompletionResultType]::ParameterValue, 'Say what you make of one. What it was for stands in the ledger: read that first')
            break
        }
        'hoopctl;help;findings;review' {
            break
        }
        'hoopctl;help;token' {
            break
        }
        'hoopctl;help;policy' {
            [CompletionResult]::new('check', 'check', [CompletionResultType]::ParameterValue, 'Check policy files: grammar, schema, annotations, and rules that decide nothing. Offline')
            [CompletionResult]::new('test', 'test', [CompletionResultType]::ParameterValue, 'Judge the cases of a file and compare with what it expects. Offline')
            [CompletionResult]::new('diff', 'diff', [CompletionResultType]::ParameterValue, 'Show which cases have another verdict, or other rules, under another policy. Offline')
            [CompletionResult]::new('explain', 'explain', [CompletionResultType]::ParameterValue, 'Ask the broker what its policy would make of a statement, without running it')
            [CompletionResult]::new('suggest', 'suggest', [CompletionResultType]::ParameterValue, 'Rules that would permit what was seen on a target that is only observed, and no more')
            break
        }
        'hoopctl;help;policy;check' {
            break
        }
        'hoopctl;help;policy;test' {
            break
        }
        'hoopctl;help;policy;diff' {
            break
        }
        'hoopctl;help;policy;explain' {
            break
        }
        'hoopctl;help;policy;suggest' {
            break
        }
        'hoopctl;help;audit' {
            [CompletionResult]::new('verify', 'verify', [CompletionResultType]::ParameterValue, 'Check that nothing in a ledger was changed, taken out or put in, and that approvals were decided by those who signed them: files and a public key suffice')
            break
        }
        'hoopctl;help;audit;verify' {
            break
        }
        'hoopctl;help;version' {
            break
        }
        'hoopctl;help;completions' {
            break
        }
        'hoopctl;help;help' {
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
