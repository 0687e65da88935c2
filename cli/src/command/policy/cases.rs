//! Cases under one policy, or under two.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use hoop_policy::PolicySet;
use hoop_policy::cases::{Came, Cases};

use super::files::{Files, text};
use super::load;
use crate::error::{Exit, Failure};
use crate::output;

/// Judges on a thread with the stack that the deepest statement needs.
fn judged(policy: &PolicySet, cases: &Cases) -> Result<Vec<Came>, Failure> {
    std::thread::scope(|scope| {
        std::thread::Builder::new()
            .stack_size(hoop_statement::STACK_BYTES)
            .spawn_scoped(scope, || cases.cases.iter().map(|case| case.judge(policy)).collect())
            .map_err(|e| Failure::usage(format!("cannot start a thread: {}", crate::error::plain(&e))))?
            .join()
            .map_err(|_| Failure::usage("judging failed"))
    })
}

fn read(path: &Path) -> Result<Cases, Failure> {
    Cases::parse(&text(path)?)
        .map_err(|fault| Failure::usage(format!("{}:{}: {}", path.display(), fault.line, fault.message)))
}

/// The policy that a file of cases names, beside it.
fn policy_of(path: &Path, cases: &Cases) -> Result<PolicySet, Failure> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let paths: Vec<PathBuf> = cases.policy.iter().map(|name| folder.join(name)).collect();
    if paths.is_empty() {
        return Err(Failure::usage(format!("`{}` names no policy", path.display()))
            .hint("write `policy = [\"pci.cedar\"]` at its top"));
    }
    load(&Files::read(&paths)?)
}

pub(super) fn test(paths: &[PathBuf], require_coverage: bool) -> Result<Exit, Failure> {
    let (mut passed, mut failed, mut idle) = (0_usize, 0_usize, 0_usize);
    for path in paths {
        let cases = read(path)?;
        let policy = policy_of(path, &cases)?;
        let came = judged(&policy, &cases)?;
        for (case, came) in cases.cases.iter().zip(&came) {
            if case.holds(came) {
                passed += 1;
                continue;
            }
            failed += 1;
            let rules =
                if case.rules.is_empty() { String::new() } else { format!(" [{}]", case.rules.join(", ")) };
            output::line(&format!("failed: {}", output::safe(&case.name)))?;
            output::line(&format!("  at       {}:{}", path.display(), case.line))?;
            output::line(&format!("  expected {}{rules}", case.expect.as_str()))?;
            output::line(&format!("  came     {came}"))?;
        }
        let used: BTreeSet<&String> = came.iter().flat_map(|c| &c.rules).collect();
        for rule in policy.rules().filter(|rule| !used.contains(&rule.id)) {
            idle += 1;
            eprintln!("note: no case of `{}` meets the rule `{}`", path.display(), rule.id);
        }
    }
    output::line(&format!("{passed} passed, {failed} failed"))?;
    if failed > 0 {
        return Err(Failure::new(Exit::Target, "the policy does not do what its cases expect"));
    }
    if require_coverage && idle > 0 {
        return Err(Failure::new(Exit::Target, format!("{idle} rules are met by no case")));
    }
    Ok(Exit::Ok)
}

pub(super) fn diff(old: &Path, new: &Path, paths: &[PathBuf], exit_code: bool) -> Result<Exit, Failure> {
    let old = load(&Files::read(&[old.to_owned()])?)?;
    let new = load(&Files::read(&[new.to_owned()])?)?;
    let (mut changed, mut all) = (0_usize, 0_usize);
    for path in paths {
        let cases = read(path)?;
        let (before, after) = (judged(&old, &cases)?, judged(&new, &cases)?);
        all += cases.cases.len();
        for ((case, before), after) in cases.cases.iter().zip(before).zip(after) {
            if (before.verdict, &before.rules) != (after.verdict, &after.rules) {
                changed += 1;
                output::line(&output::safe(&format!(
                    "{}: {} -> {}",
                    case.name,
                    brief(&before),
                    brief(&after)
                )))?;
            }
        }
    }
    output::line(&format!("changed {changed} of {all}"))?;
    if exit_code && changed > 0 { Err(Failure::new(Exit::Target, "")) } else { Ok(Exit::Ok) }
}

fn brief(came: &Came) -> String {
    let rules: Vec<&str> = came.rules.iter().map(String::as_str).collect();
    format!("{} [{}]", came.verdict.as_str(), rules.join(", "))
}
