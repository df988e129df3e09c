//! How wide a page is.

/// Of a page that is read in no terminal.
const UNKNOWN: usize = 100;
/// Narrower columns cannot be read, and wider lines lose the eye.
const LEAST: usize = 80;
const MOST: usize = 120;

/// The width of what is written to standard output, in characters: COLUMNS, or the terminal's.
pub fn of_output() -> usize {
    let given = std::env::var("COLUMNS").ok();
    let given = given.and_then(|columns| columns.parse().ok());
    let width = given.or_else(of_terminal);
    width.map_or(UNKNOWN, |width| width.clamp(LEAST, MOST))
}

fn of_terminal() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok()?;
    (size.ws_col > 0).then(|| size.ws_col.into())
}
