use super::*;
use hoop_api::approval::ApprovalKind;
use hoop_api::{AccessLevel, PrincipalKind, Untrusted};
use hoop_policy::{Requirement, Reviewers};

fn person(id: &str, person: &str, groups: &[&str]) -> Principal {
    Principal {
        id: id.to_owned(),
        name: id.to_owned(),
        kind: PrincipalKind::User,
        person_id: Some(person.to_owned()),
        groups: groups.iter().map(|g| (*g).to_owned()).collect(),
    }
}

fn approvals() -> Approvals {
    Approvals::new(&Limits { approvals_per_principal: 3, ..Limits::default() }, Notices::default())
}

fn asked(rules: &[(&str, u32, &str)]) -> Asked {
    Asked {
        kind: ApprovalKind::Retry,
        requester: Arc::new(person("dan", "p-dan", &["dba"])),
        origin: ([127, 0, 0, 1], 1).into(),
        session: None,
        connection: None,
        target: "payments-db".to_owned(),
        level: AccessLevel::Write,
        reason: Untrusted::default(),
        requirement: Requirement {
            fresh: None,
            rules: rules.iter().map(|(id, ..)| (*id).to_owned()).collect(),
            reviewers: rules
                .iter()
                .map(|(_, count, group)| Reviewers {
                    count: *count,
                    group: (*group).to_owned(),
                    escalation: None,
                })
                .collect(),
            reason: "held".to_owned(),
            ttl: None,
        },
        text: "delete from t where id = 1".into(),
        parameters: Vec::new(),
        context: Vec::new(),
        definitions: Box::default(),
        estimate: None,
        verbs: Vec::new(),
        relations: Vec::new(),
    }
}

fn bound(text: &str) -> Bound {
    let mut bound = Bound::of("statement");
    bound.part(text.as_bytes());
    bound
}

fn rules(ids: &[&str]) -> BTreeSet<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

/// Held by one rule of one lead.
fn held(all: &Approvals) -> ApprovalId {
    all.hold(asked(&[("x", 1, "leads")]), &bound("a"), None).unwrap().standing.id
}

fn lead() -> Principal {
    person("ada", "p-ada", &["leads"])
}

#[test]
fn approved_once_used_once_and_only_for_what_was_shown() {
    let all = approvals();
    let id = held(&all);
    assert_eq!(
        all.consume(id, &bound("a"), &rules(&["x"])).unwrap_err(),
        Unusable::State(ApprovalState::Pending)
    );
    assert_eq!(all.decide(id, &lead(), true, "ok".into()).unwrap().state, ApprovalState::Approved);
    assert_eq!(all.consume(id, &bound("b"), &rules(&["x"])).unwrap_err(), Unusable::Changed);
    assert_eq!(all.consume(id, &bound("a"), &rules(&["x", "y"])).unwrap_err(), Unusable::Rules);
    let used = all.consume(id, &bound("a"), &rules(&["x"])).unwrap();
    assert_eq!((used.id(), used.rules()), (id, &rules(&["x"])));
    assert_eq!(
        all.consume(id, &bound("a"), &rules(&["x"])).unwrap_err(),
        Unusable::State(ApprovalState::Consumed)
    );
    assert!(
        all.find(&person("dan", "p-dan", &[]), |_| bound("a")).is_none(),
        "what is used is not found again"
    );
}

#[test]
fn a_rule_can_ask_for_a_fresh_sign_in_with_a_second_factor() {
    let all = approvals();
    let mut asked = asked(&[("x", 1, "leads")]);
    asked.requirement.fresh = Some(Duration::from_secs(300));
    let standing = all.hold(asked, &bound("a"), None).unwrap().standing;
    let amr = |methods: &[&str]| methods.iter().map(|m| (*m).to_owned()).collect::<Vec<_>>();
    let fresh = |auth_s, methods: &[&str]| standing.is_fresh(auth_s, &amr(methods), 10_000);
    assert_eq!(fresh(9_700, &["pwd", "otp", "mfa"]), Ok(()));
    assert_eq!(fresh(9_699, &["pwd", "otp", "mfa"]), Err(Barred::Stale));
    assert_eq!(fresh(0, &["mfa"]), Err(Barred::Stale), "nobody knows when");
    assert_eq!(fresh(9_700, &["pwd"]), Err(Barred::OneFactor));
    assert_eq!(fresh(9_700, &[]), Err(Barred::OneFactor));
    let plain = approvals();
    let id = held(&plain);
    assert_eq!(plain.get(id).unwrap().is_fresh(0, &[], 10_000), Ok(()), "where no rule asks");
}

#[test]
fn the_same_is_asked_for_once_but_for_what_waits() {
    let all = approvals();
    let ask = |wait| all.hold(asked(&[("x", 1, "leads")]), &bound("a"), wait).unwrap();
    let (first, second) = (ask(None), ask(None));
    assert!(first.new && !second.new && first.standing.id == second.standing.id);
    let wait = Some(Duration::from_secs(600));
    assert!(ask(wait).new && ask(wait).new, "each connection waits by itself");
}

#[test]
fn nobody_decides_their_own_nor_a_stranger_nor_a_machine() {
    let all = approvals();
    let id = held(&all);
    let mut bot = person("bot", "p-bot", &["leads"]);
    bot.kind = PrincipalKind::Agent;
    let mut pipeline = bot.clone();
    pipeline.kind = PrincipalKind::Workload;
    let mut faceless = lead();
    faceless.person_id = None;
    let mut blank = lead();
    blank.person_id = Some(String::new());
    for (who, barred) in [
        (person("dan", "p-dan", &["leads"]), Barred::Own),
        (person("dan", "p-other", &["leads"]), Barred::Own),
        (person("dan-admin", "p-dan", &["leads", "admins"]), Barred::SamePerson),
        (person("eve", "p-eve", &["developers"]), Barred::Group),
        (bot, Barred::NotAPerson),
        (pipeline, Barred::NotAPerson),
        (faceless, Barred::NoPerson),
        (blank, Barred::NoPerson),
    ] {
        assert_eq!(all.decide(id, &who, true, "".into()).unwrap_err(), barred, "{}", who.id);
        assert_eq!(all.decide(id, &who, false, "".into()).unwrap_err(), barred, "{}", who.id);
    }
    assert_eq!(all.get(id).unwrap().state, ApprovalState::Pending);
}

#[test]
fn a_quorum_is_of_different_persons_for_every_rule() {
    let all = approvals();
    let id =
        all.hold(asked(&[("x", 2, "leads"), ("y", 1, "security")]), &bound("a"), None).unwrap().standing.id;
    assert_eq!(all.decide(id, &lead(), true, "".into()).unwrap().state, ApprovalState::Pending);
    assert_eq!(all.decide(id, &lead(), true, "".into()).unwrap_err(), Barred::Already);
    // The same person by another account.
    assert_eq!(
        all.decide(id, &person("ada2", "p-ada", &["leads", "security"]), true, "".into()).unwrap_err(),
        Barred::Already
    );
    let bob = person("bob", "p-bob", &["leads"]);
    assert_eq!(all.decide(id, &bob, true, "".into()).unwrap().state, ApprovalState::Pending);
    let sue = person("sue", "p-sue", &["security"]);
    let lifted = all.decide(id, &sue, true, "".into()).unwrap();
    assert_eq!(lifted.state, ApprovalState::Approved);
    assert_eq!(lifted.rules().map(|r| r.approved).collect::<Vec<_>>(), [2, 1]);
}

#[test]
fn one_no_ends_it() {
    let all = approvals();
    let id = all.hold(asked(&[("x", 2, "leads")]), &bound("a"), None).unwrap().standing.id;
    all.decide(id, &lead(), true, "".into()).unwrap();
    let bob = person("bob", "p-bob", &["leads"]);
    assert_eq!(all.decide(id, &bob, false, "no".into()).unwrap().state, ApprovalState::Rejected);
    let sue = person("sue", "p-sue", &["leads"]);
    assert_eq!(all.decide(id, &sue, true, "".into()).unwrap_err(), Barred::Ended(ApprovalState::Rejected));
    assert!(all.consume(id, &bound("a"), &rules(&["x"])).is_err());
}

#[test]
fn limits_withdrawal_and_expiry() {
    let limits = Limits { approvals_per_principal: 2, approval_pending: Duration::ZERO, ..Limits::default() };
    let all = Approvals::new(&limits, Notices::default());
    let late = held(&all);
    assert_eq!(all.get(late).unwrap().state, ApprovalState::Expired);
    assert_eq!(
        all.decide(late, &lead(), true, "".into()).unwrap_err(),
        Barred::Ended(ApprovalState::Expired)
    );
    let wait = Some(Duration::from_secs(600));
    let one = all.hold(asked(&[("x", 1, "leads")]), &bound("a"), wait).unwrap().standing.id;
    all.hold(asked(&[("x", 1, "leads")]), &bound("b"), wait).unwrap();
    assert_eq!(all.hold(asked(&[("x", 1, "leads")]), &bound("c"), wait).unwrap_err(), TooMany::Principal(2));
    assert!(all.withdraw(one) && !all.withdraw(one));
    all.hold(asked(&[("x", 1, "leads")]), &bound("c"), wait).unwrap();
    assert_eq!(
        all.decide(one, &lead(), true, "".into()).unwrap_err(),
        Barred::Ended(ApprovalState::Withdrawn)
    );
}

#[test]
fn a_rule_can_shorten_the_life_of_its_approval() {
    let all = approvals();
    let mut asked = asked(&[("x", 1, "leads")]);
    asked.requirement.ttl = Some(Duration::ZERO);
    let id = all.hold(asked, &bound("a"), None).unwrap().standing.id;
    all.decide(id, &lead(), true, "".into()).unwrap();
    assert_eq!(
        all.consume(id, &bound("a"), &rules(&["x"])).unwrap_err(),
        Unusable::State(ApprovalState::Expired)
    );
}

#[test]
fn a_requirement_without_reviewers_is_never_lifted() {
    let all = approvals();
    let id = all.hold(asked(&[]), &bound("a"), None).unwrap().standing.id;
    assert_eq!(all.decide(id, &lead(), true, "".into()).unwrap_err(), Barred::Group);
}

#[test]
fn two_consumers_of_one_approval_in_a_race_get_it_once() {
    let all = Arc::new(approvals());
    for _ in 0..200 {
        let id = held(&all);
        all.decide(id, &lead(), true, "".into()).unwrap();
        let use_it = |all: Arc<Approvals>| {
            std::thread::spawn(move || all.consume(id, &bound("a"), &rules(&["x"])).is_ok())
        };
        let (a, b) = (use_it(Arc::clone(&all)), use_it(Arc::clone(&all)));
        assert_eq!(u32::from(a.join().unwrap()) + u32::from(b.join().unwrap()), 1);
    }
}

#[tokio::test]
async fn who_waits_is_woken_by_each_end() {
    let all = Arc::new(approvals());
    let id = held(&all);
    let waiting = tokio::spawn(Arc::clone(&all).settled(id));
    tokio::task::yield_now().await;
    all.decide(id, &lead(), true, "".into()).unwrap();
    assert_eq!(waiting.await.unwrap(), ApprovalState::Approved);
    let id = all.hold(asked(&[("x", 1, "leads")]), &bound("a"), Some(Duration::ZERO)).unwrap().standing.id;
    assert_eq!(Arc::clone(&all).settled(id).await, ApprovalState::Expired);
}

#[test]
fn what_waits_for_long_can_be_decided_by_others_too() {
    let all = approvals();
    let mut held = asked(&[("x", 2, "leads"), ("y", 1, "dba")]);
    let escalation = hoop_policy::Escalation { after: Duration::ZERO, group: "oncall".to_owned() };
    held.requirement.reviewers[0].escalation = Some(escalation.clone());
    held.requirement.reviewers[1].escalation =
        Some(hoop_policy::Escalation { after: Duration::from_secs(3600), ..escalation });
    let id = all.hold(held, &bound("a"), None).unwrap().standing.id;
    let eve = person("eve", "p-eve", &["oncall"]);
    assert_eq!(all.decide(id, &eve, true, "ok".into()).unwrap_err(), Barred::Group);
    let due = all.to_escalate();
    let [(standing, rules)] = due.as_slice() else { panic!("{due:?}") };
    assert_eq!(
        standing.escalation(rules),
        Event::ApprovalEscalated {
            approval: id.to_string(),
            rules: vec!["x".to_owned()],
            groups: vec!["oncall".to_owned()]
        }
    );
    // Not before it is recorded.
    assert_eq!(all.decide(id, &eve, true, "ok".into()).unwrap_err(), Barred::Group);
    // Who approved for another rule, and is one of the others, counts from then on.
    let fay = person("fay", "p-fay", &["oncall", "dba"]);
    assert_eq!(all.decide(id, &fay, true, "ok".into()).unwrap().state, ApprovalState::Pending);
    all.escalate(id, rules.clone());
    assert!(all.to_escalate().is_empty(), "once");
    let told: Vec<_> =
        all.get(id).unwrap().rules().map(|r| (r.approved, r.escalation.unwrap().now)).collect();
    assert_eq!(told, [(1, true), (1, false)]);
    assert_eq!(all.decide(id, &eve, true, "ok".into()).unwrap().state, ApprovalState::Approved);
}

#[test]
fn an_escalation_can_complete_what_was_approved_before() {
    let all = approvals();
    let mut held = asked(&[("x", 1, "leads"), ("y", 1, "dba")]);
    let escalation = hoop_policy::Escalation { after: Duration::ZERO, group: "oncall".to_owned() };
    held.requirement.reviewers[0].escalation = Some(escalation);
    let id = all.hold(held, &bound("a"), None).unwrap().standing.id;
    let fay = person("fay", "p-fay", &["oncall", "dba"]);
    all.decide(id, &fay, true, "ok".into()).unwrap();
    all.escalate(id, rules(&["x"]));
    assert_eq!(all.get(id).unwrap().state, ApprovalState::Approved);
}
