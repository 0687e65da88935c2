//! A gateway without sockets: a real ledger in a folder of its own, a real policy, the real judge and gate.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

use arc_swap::ArcSwap;
use ed25519_dalek::SigningKey;
use hoop_api::{AccessLevel, ConnectionId, PrincipalKind, Untrusted};
use hoop_broker::approval::Approvals;
use hoop_broker::clock::Boot;
use hoop_broker::config::{
    ClassifiedColumn, Durability, Limits, Target, TargetShared, UpstreamAddress, UpstreamTls, WeakAuth,
};
use hoop_broker::gate::Gate;
use hoop_broker::gateway::postgres::bounds::Canceller;
use hoop_broker::gateway::postgres::cancel::CancelKeys;
use hoop_broker::gateway::postgres::catalogue::Catalog;
use hoop_broker::gateway::postgres::columns::Classes;
use hoop_broker::gateway::postgres::conversation::{Conversation, Parts};
use hoop_broker::gateway::postgres::definitions::{Reader, Reading};
use hoop_broker::gateway::postgres::hold::Holding;
use hoop_broker::gateway::postgres::judge::Judge;
use hoop_broker::gateway::postgres::parser::Parser;
use hoop_broker::gateway::postgres::past::Past;
use hoop_broker::gateway::{Gateway, InForce};
use hoop_broker::ledger::{Committer, Ledger, Opened};
use hoop_broker::metrics::Metrics;
use hoop_broker::notice::Notices;
use hoop_broker::session::{NewSession, Session, Sessions};
use hoop_ledger::checkpoint::Origin;
use hoop_ledger::entry::{Envelope, Event, Outcome};
use hoop_ledger::segment::{self, Header, Step};
use hoop_mask::Class;
use hoop_policy::{Classified, PolicySet, Principal, Via};

const POLICY: &str = r#"
@id("all")
@message("everything")
permit (principal, action, resource);

@id("few")
@message("within bounds")
@max_rows("9")
@max_affected("3")
permit (principal, action in [Action::"read", Action::"write"], resource is Relation)
when { resource.name == "few" };

@id("no-drop")
@message("nothing is dropped")
forbid (principal, action in Action::"statement", resource)
when { context.changes.contains("drop_table") };

@id("no-vault")
@message("the vault is closed")
forbid (principal, action in [Action::"read", Action::"write"], resource is Relation)
when { resource.name == "vault" };
"#;
/// For how long one entry may take to become durable.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is the same for every run: the policy, loaded once, and the thread for long texts.
static COMMON: LazyLock<(Arc<ArcSwap<InForce>>, Parser)> = LazyLock::new(|| {
    let set = PolicySet::load(&[("fuzz.cedar", POLICY)]).unwrap();
    let limits = Limits::default();
    let parser = Parser::start(limits.statement_bytes, limits.statement_depth).unwrap();
    (
        Arc::new(ArcSwap::from_pointee(InForce {
            version: 1,
            set,
            observed: [].into(),
            signed_by: Vec::new(),
        })),
        parser,
    )
});

/// The gateway of one run, with a ledger of its own.
pub struct Stage {
    /// It.
    pub gateway: Gateway,
    /// The session of all conversations.
    pub session: Arc<Session>,
    target: Arc<Target>,
    catalog: Catalog,
    segment: PathBuf,
    /// Where the entries begin that have not been read.
    offset: u64,
    // Dropped in this order: the thread ends before its folder goes.
    _committer: Committer,
    _folder: tempfile::TempDir,
}

impl Default for Stage {
    fn default() -> Self {
        Self::new()
    }
}

impl Stage {
    /// A gateway with a ledger in memory and one session on one target.
    ///
    /// # Panics
    /// When the system refuses.
    #[must_use]
    pub fn new() -> Self {
        Self::with(Durability::Disk)
    }

    /// The same with a ledger of this durability.
    ///
    /// # Panics
    /// When the system refuses.
    #[must_use]
    pub fn with(durability: Durability) -> Self {
        let folder = in_memory();
        let dir = folder.path().join("ledger");
        let boot = Arc::new(Boot::start());
        let origin = Origin::parse("test/broker/1").unwrap();
        let key = SigningKey::from_bytes(&[7; 32]);
        let opened = Ledger::open(&dir, &key, &origin, &boot, durability).unwrap();
        let Opened { ledger, committer, .. } = opened;
        let (policy, parser) = &*COMMON;
        let gateway = Gateway {
            budgets: Arc::default(),
            seen: Arc::default(),
            targets: ArcSwap::from_pointee(BTreeMap::new()),
            policy: Arc::clone(policy),
            ledger,
            boot,
            sessions: Arc::new(Sessions::new(1, 1)),
            approvals: Arc::new(Approvals::new(&Limits::default(), Notices::default())),
            cancel: CancelKeys::default(),
            metrics: Arc::new(Metrics::default()),
            parser: parser.clone(),
            limits: Limits::default(),
        };
        let session = gateway.sessions.open(session()).unwrap();
        let mut stage = Self {
            gateway,
            session,
            target: Arc::new(target()),
            catalog: catalog(),
            segment: dir.join(segment::file_name(0)),
            offset: 0,
            _committer: committer,
            _folder: folder,
        };
        let (_, header) = Header::decode(&stage.unread()).unwrap();
        stage.offset = header as u64;
        stage
    }

    /// The judge of a connection.
    #[must_use]
    pub fn judge(&self) -> Judge {
        Judge::new(&self.gateway, &self.session, &self.target, &self.catalog, Via::Native)
    }

    /// A conversation right after start-up.
    ///
    /// # Panics
    /// When its entries could not be written.
    #[must_use]
    pub fn conversation(&self, limits: &Limits) -> Conversation {
        let (gateway, session) = (&self.gateway, &self.session);
        let scribe = gateway.scribe(session, session.origin, "native", true);
        let connection = ConnectionId::from_parts(1, 1);
        Conversation::new(
            Parts {
                gate: Gate::new(scribe, session.id, connection, self.target.name.clone()).unwrap(),
                judge: self.judge(),
                session: Arc::clone(session),
                metrics: Arc::clone(&gateway.metrics),
                classes: Arc::clone(&self.catalog.classes),
                canceller: Canceller::new(|| Box::pin(std::future::ready(()))),
                holding: Holding::of(
                    gateway,
                    session,
                    session.origin,
                    Past::new("payments", &[]),
                    // There is no catalogue to read: it never changes.
                    Reader::new(
                        |_| Reading::new(std::future::ready(Ok("".into()))),
                        |_| Box::pin(std::future::ready(None)),
                    ),
                ),
            },
            limits,
        )
    }

    /// Waits until all that was appended so far is durable.
    pub fn settle(&self) {
        let session = &self.session;
        let scribe = self.gateway.scribe(session, session.origin, "native", true);
        let event = Event::ConnectionEnd { connection: "mark".into(), reason: "mark".into() };
        let ticket = scribe.append(Outcome::Success, vec!["mark".into()], event).unwrap();
        let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
        let mut watcher = self.gateway.ledger.watcher();
        while watcher.poll_durable(ticket, &mut Context::from_waker(&waker)).is_pending() {
            std::thread::park_timeout(PATIENCE);
        }
    }

    /// Entries that became durable since the last call.
    pub fn entries(&mut self) -> Vec<Envelope> {
        let durable = self.gateway.ledger.stats().entries;
        let bytes = self.unread();
        let (mut entries, mut at) = (Vec::new(), 0);
        while let Step::Frame(frame) = segment::step(&bytes, at) {
            if frame.sequence >= durable {
                break;
            }
            entries.push(Envelope::parse(frame.payload).unwrap());
            at += frame.len();
        }
        self.offset += at as u64;
        entries
    }

    /// Bytes of the segment from `offset` on. Its file is longer than what is written, and zero there.
    fn unread(&self) -> Vec<u8> {
        let file = File::open(&self.segment).unwrap();
        let mut bytes = Vec::new();
        let mut page = [0; 16 << 10];
        loop {
            let read = file.read_at(&mut page, self.offset + bytes.len() as u64).unwrap();
            bytes.extend_from_slice(&page[..read]);
            if read == 0 || page[..read].ends_with(&[0; 256]) {
                return bytes;
            }
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// A folder in memory where there is one, unless `TMPDIR` says where: a campaign writes millions of entries, and a disk
/// is not what it tests.
pub fn in_memory() -> tempfile::TempDir {
    let said = std::env::var_os("TMPDIR").is_some();
    if said { tempfile::tempdir() } else { tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()) }
        .unwrap()
}

fn session() -> NewSession {
    let principal = Principal {
        id: "alice".into(),
        name: "Alice".into(),
        kind: PrincipalKind::User,
        person_id: None,
        groups: Vec::new(),
    };
    NewSession {
        principal: Arc::new(principal),
        target: "payments".into(),
        level: AccessLevel::Masked,
        reason: Untrusted::new("fuzz"),
        origin: ([127, 0, 0, 1], 1).into(),
        client_key: None,
        ttl: Duration::from_secs(1 << 30),
        idle: Duration::from_secs(1 << 30),
        hold: Duration::ZERO,
        glass: None,
        lifted: std::collections::BTreeSet::new(),
    }
}

fn target() -> Target {
    Target {
        name: "payments".into(),
        environment: None,
        observe: false,
        address: UpstreamAddress::Unix("/nowhere".into()),
        tls: UpstreamTls::Disable,
        ca_file: None,
        login: "hoop".into(),
        password: None,
        databases: vec!["payments".into()],
        weak_auth: WeakAuth::default(),
        classes: vec![ClassifiedColumn {
            schema: "public".into(),
            relation: "cards".into(),
            column: "value".into(),
            class: Class::Pan,
        }],
        budgets: Vec::new(),
        shared: TargetShared::default(),
    }
}

fn catalog() -> Catalog {
    let columns = vec![("id".to_owned(), None), ("value".to_owned(), Some(Class::Pan))];
    let classified = Classified {
        schema: "public".into(),
        name: "cards".into(),
        columns: vec![("id".into(), None), ("value".into(), Some("pan".into()))],
        complete: true,
    };
    Catalog {
        classified: [classified].into(),
        classes: Arc::new(Classes::new([(16_400, 2, Class::Pan)])),
        relations: Arc::new(HashMap::from([(("public".to_owned(), "cards".to_owned()), columns)])),
        // The model server answers what clients send: nothing is substituted for it.
        ..Catalog::default()
    }
}
