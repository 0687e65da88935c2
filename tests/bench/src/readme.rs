//! The block of the README that the bench writes.

/// Where it begins.
const BEGIN: &str = "<!-- bench:begin -->";
/// Where it ends.
const END: &str = "<!-- bench:end -->";

/// `readme` with `table` between the two marks.
///
/// # Errors
/// When they are not there exactly once and in order.
pub fn with_table(readme: &str, table: &str) -> Result<String, String> {
    let once = |mark: &str| match readme.match_indices(mark).collect::<Vec<_>>()[..] {
        [(at, _)] => Ok(at),
        ref found => Err(format!("README.md has `{mark}` {} times instead of once", found.len())),
    };
    let (begin, end) = (once(BEGIN)? + BEGIN.len(), once(END)?);
    if end < begin {
        return Err(format!("README.md has `{END}` before `{BEGIN}`"));
    }
    Ok(format!("{}\n{}\n{}", &readme[..begin], table.trim_end(), &readme[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_marks_changes() {
        let readme = "# A\n<!-- bench:begin -->\nold\n<!-- bench:end -->\nrest\n";
        let new = with_table(readme, "| new |\n\n").expect("the marks are there");
        assert_eq!(new, "# A\n<!-- bench:begin -->\n| new |\n<!-- bench:end -->\nrest\n");
        assert_eq!(with_table(&new, "| new |").as_ref(), Ok(&new), "writing it twice changes nothing");
    }

    #[test]
    fn a_readme_without_marks_is_left_alone() {
        let missing = with_table("# A\n<!-- bench:begin -->\n", "t");
        assert_eq!(missing, Err("README.md has `<!-- bench:end -->` 0 times instead of once".into()));
        let turned = with_table("<!-- bench:end --><!-- bench:begin -->", "t");
        assert_eq!(turned, Err("README.md has `<!-- bench:end -->` before `<!-- bench:begin -->`".into()));
        let twice = "<!-- bench:begin --><!-- bench:begin --><!-- bench:end -->";
        assert!(with_table(twice, "t").is_err());
    }

    #[test]
    fn the_readme_has_its_marks() {
        let readme = std::fs::read_to_string(hoop_harness::program::workspace().join("README.md"));
        assert!(with_table(&readme.expect("there is a README"), "t").is_ok());
    }
}
