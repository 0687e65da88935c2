//! What crosses the wire between hoopctl and broker: it is read as it was written, and shown without harm.

use hoop_api::routes::{MintToken, OpenSession, SessionList, SessionSummary, TargetList, Whoami};
use hoop_api::{ConnectionId, Problem, RequestId, SessionId, StatementId, Untrusted};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Any bytes as each of the bodies, as an id, and as text from outside.
pub fn api(data: &[u8]) {
    round::<Problem>(data);
    round::<Whoami>(data);
    round::<TargetList>(data);
    round::<OpenSession>(data);
    round::<SessionSummary>(data);
    round::<SessionList>(data);
    round::<MintToken>(data);
    let Ok(text) = str::from_utf8(data) else { return };
    id::<SessionId>(text);
    id::<StatementId>(text);
    id::<ConnectionId>(text);
    id::<RequestId>(text);
    let shown = Untrusted::new(text).to_string();
    assert!(!shown.chars().any(Untrusted::is_hazardous), "{shown:?}");
}

fn round<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(data: &[u8]) {
    let Ok(read) = serde_json::from_slice::<T>(data) else { return };
    let again = serde_json::to_vec(&read).unwrap();
    assert_eq!(serde_json::from_slice::<T>(&again).unwrap(), read, "written again");
}

fn id<T: std::str::FromStr + std::fmt::Display + PartialEq>(text: &str) {
    if let Ok(id) = text.parse::<T>() {
        let again = id.to_string();
        assert!(again.eq_ignore_ascii_case(text), "{text} became {again}");
        assert!(again.parse::<T>().is_ok_and(|same| same == id), "{again}");
    }
}
