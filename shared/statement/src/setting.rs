//! Changes of settings (GUCs): SET, RESET and `set_config`.

use pb::VariableSetKind as K;
use pb::a_const::Val;
use pg_query::NodeEnum;
use pg_query::protobuf as pb;

use crate::facts::{Opaque, Setting, SettingAct, SettingValue};
use crate::verb::Verb;
use crate::walk::{MAX_NAMES, Walker};

impl Walker {
    fn setting(&mut self, name: &str, act: SettingAct, local: bool) {
        if self.facts.settings.len() >= MAX_NAMES {
            self.opaque(Opaque::TooManyNames);
            return;
        }
        self.facts.settings.push(Setting { name: name.to_ascii_lowercase(), act, local });
    }
}

/// SET, RESET and SET clauses of ALTER ROLE, ALTER DATABASE, ALTER SYSTEM and functions.
pub(crate) fn from_set(set: &pb::VariableSetStmt, w: &mut Walker) {
    let kind = K::try_from(set.kind).unwrap_or(K::Undefined);
    w.verb(match kind {
        K::VarReset | K::VarResetAll => Verb::Reset,
        K::VarSetValue | K::VarSetDefault | K::VarSetCurrent | K::VarSetMulti | K::Undefined => Verb::Set,
    });
    match kind {
        K::VarSetValue => {
            let values: Option<Vec<String>> = set.args.iter().map(constant).collect();
            match values {
                Some(v) => {
                    w.setting(&set.name, SettingAct::To(SettingValue::new(v.join(", "))), set.is_local);
                }
                None => w.opaque(Opaque::ComputedSetting),
            }
        }
        // FROM CURRENT keeps in a definition what the session has; TO DEFAULT is RESET.
        K::VarSetDefault | K::VarSetCurrent | K::VarReset => {
            w.setting(&set.name, SettingAct::Reset, set.is_local);
        }
        // SET TRANSACTION and SET SESSION CHARACTERISTICS: isolation, read only, deferrable, snapshot.
        K::VarSetMulti => {
            let value = SettingAct::To(SettingValue::new(String::new()));
            w.setting(&set.name, value, set.is_local);
        }
        K::VarResetAll => w.setting("all", SettingAct::Reset, false),
        K::Undefined => w.opaque(Opaque::UnknownStatement),
    }
}

/// `set_config(name, value, is_local)` with constants; anything computed is opaque.
pub(crate) fn from_call(call: &pb::FuncCall, w: &mut Walker) {
    w.verb(Verb::Set);
    let [name, value, local] = call.args.as_slice() else {
        w.opaque(Opaque::ComputedSetting);
        return;
    };
    let (Some(name), Some(value), Some(local)) = (constant(name), constant(value), boolean(local)) else {
        w.opaque(Opaque::ComputedSetting);
        return;
    };
    w.setting(&name, SettingAct::To(SettingValue::new(value)), local);
}

fn constant(node: &pb::Node) -> Option<String> {
    match node.node.as_ref()? {
        NodeEnum::AConst(c) => Some(match c.val.as_ref()? {
            Val::Ival(i) => i.ival.to_string(),
            Val::Fval(f) => f.fval.clone(),
            Val::Boolval(b) => if b.boolval { "on" } else { "off" }.to_owned(),
            Val::Sval(s) => s.sval.clone(),
            Val::Bsval(_) => return None,
        }),
        // SET TIME ZONE INTERVAL '…'
        NodeEnum::TypeCast(cast) => constant(cast.arg.as_deref()?),
        _ => None,
    }
}

fn boolean(node: &pb::Node) -> Option<bool> {
    match &*constant(node)?.to_ascii_lowercase() {
        "t" | "true" | "on" | "yes" | "y" | "1" => Some(true),
        "f" | "false" | "off" | "no" | "n" | "0" => Some(false),
        _ => None,
    }
}
