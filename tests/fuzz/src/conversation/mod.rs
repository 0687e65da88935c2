//! The gateway's state machine between a client that says anything and a server that follows the rules.
//!
//! A real relay with real judge, gate and ledger; only the two sockets lie in memory, so that the input decides which
//! byte moves when. What must hold:
//!
//! - what reaches the server are whole messages that decode, none of them refused by policy ([`Server`] panics);
//! - what ran is what was recorded, in that order, and a write was on disk before it was forwarded ([`Evidence`]);
//! - the client hears what it would have heard from the server itself, had that refused what the gateway refuses;
//! - the gateway never takes an honest server for one that has lost step, and no wait lasts for ever;
//! - no card number reaches the client;
//! - of a server that says anything, only whole messages that decode are passed on.

mod answers;
mod evidence;
mod line;
mod play;
mod running;
mod said;
mod server;
mod stage;
mod texts;

pub use stage::{Stage, in_memory};

use answers::frames;
use evidence::Evidence;
use hoop_broker::gateway::postgres::conversation::End;
use play::Play;
use server::Server;
use texts::CANARY;

/// The input is a play: see `said`.
pub fn conversation(data: &[u8]) {
    crate::on_big_stack(|| {
        let (setting, moves) = said::read(data);
        let mut play = Play::new(Stage::new(), setting);
        let end = play.perform(moves);
        check(play, end.as_ref());
    });
}

fn check(play: Play, end: Option<&End>) {
    let Play { heard, said, server, hostile, complete, mut evidence, setting, mut stage, .. } = play;
    stage.settle();
    evidence.take(stage.entries());
    let (told, cut) = frames(&heard);
    for (tag, body) in &told {
        assert!(
            crate::plain::backend(*tag, body).is_some(),
            "{:?} passed undecoded: {body:?}",
            char::from(*tag)
        );
    }
    if hostile {
        return;
    }
    assert!(
        matches!(
            end,
            None | Some(End::ClientGone | End::TargetGone | End::ClientFault(_) | End::OutOfPlace(_))
        ),
        "{end:?} of an honest server"
    );
    evidence.check(&server.ran);
    let canary = |bytes: &[u8]| bytes.windows(CANARY.len()).any(|w| w == CANARY.as_bytes());
    assert!(canary(&said) || !canary(&heard), "a card number passed");
    let mut reference = Server::new(false);
    reference.take(&said);
    if reference.ambiguous || setting.few_names || (reference.racy && !setting.lockstep) {
        return;
    }
    reference.answers.flush();
    let (expected, _) = frames(&reference.answers.sent);
    let shown =
        |frames: &[(u8, Vec<u8>)]| -> String { frames.iter().map(|(tag, _)| char::from(*tag)).collect() };
    for (at, (told, expected)) in told.iter().zip(&expected).enumerate() {
        assert!(same(told, expected), "answer {at}: {told:?}, not {expected:?}");
    }
    let all = complete && end.is_none();
    assert!(
        if all { told.len() == expected.len() && cut.is_empty() } else { told.len() <= expected.len() },
        "heard {}, not {}",
        shown(&told),
        shown(&expected)
    );
}

/// Rows are masked in place and keep their length; reports are rebuilt, or are the gateway's own.
fn same(told: &(u8, Vec<u8>), expected: &(u8, Vec<u8>)) -> bool {
    told.0 == expected.0
        && match told.0 {
            b'D' | b'd' => told.1.len() == expected.1.len(),
            b'E' => !code(&expected.1).starts_with("22") || code(&told.1) == code(&expected.1),
            b'N' => true,
            b'A' => told.1.len() == expected.1.len(),
            _ => told.1 == expected.1,
        }
}

/// The SQLSTATE in a report.
fn code(body: &[u8]) -> String {
    let code = body.split(|b| *b == 0).find_map(|field| field.strip_prefix(b"C"));
    String::from_utf8_lossy(code.unwrap_or_default()).into_owned()
}
