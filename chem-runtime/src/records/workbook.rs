//! Opens an Excel workbook, within the limits for compressed data.

use std::io::{Cursor, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::LazyLock;

use calamine::{Reader as _, SheetType, Xlsx, XlsxError};
use regex::bytes::Regex;
use zip::ZipArchive;

use crate::cancel::Interruptible;
use crate::step::limits::{GROWTH, Limit, TEXT_BYTES};
use crate::step::{Misfit, StepError, listed, nearest};

/// The size to which a workbook of any size may expand: 16 MiB.
const SMALL_BYTES: u64 = 16 << 20;

/// How much of a part is inspected before it is read: 64 KiB.
const HEAD_BYTES: u64 = 64 << 10;

/// How Excel 97 workbooks begin, and workbooks with a password.
const COMPOUND_FILE: [u8; 8] = [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1];

pub(super) type Workbook<'b> = Xlsx<Cursor<&'b [u8]>>;

/// How many bytes of text a workbook may contain.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expansion {
    pub(super) bytes: u64,
    by: &'static Limit,
}

impl Expansion {
    pub(super) fn of(bytes: &[u8]) -> Self {
        let grown = GROWTH.get().saturating_mul(bytes.len() as u64).max(SMALL_BYTES);
        if grown < TEXT_BYTES.get() {
            Self { bytes: grown, by: &GROWTH }
        } else {
            Self { bytes: TEXT_BYTES.get(), by: &TEXT_BYTES }
        }
    }

    pub(super) fn exceeded(self, name: &str) -> StepError {
        let advice = self.by.advice();
        StepError::new(format!("cannot read `{name}`: it expands to more than {} bytes; {advice}", self.bytes))
    }
}

/// Opens the workbook `bytes`, the content of the file called `name`.
///
/// # Errors
/// Fails if the file is damaged, encrypted or of another kind, or if it expands beyond a limit.
pub(super) fn open<'b>(name: &str, bytes: &'b [u8]) -> Result<Workbook<'b>, StepError> {
    if bytes.starts_with(&COMPOUND_FILE) {
        let encrypted: Vec<u8> = "EncryptedPackage".bytes().flat_map(|letter| [letter, 0]).collect();
        let kind = if bytes.windows(encrypted.len()).any(|window| window == encrypted) {
            "is a workbook with a password; save it without one"
        } else {
            "is a workbook of Excel 97 (`.xls`); save it as `.xlsx`"
        };
        return Err(StepError::new(format!("`{name}` {kind}")));
    }
    inspect(name, bytes)?;
    caught(name, || Xlsx::new(Cursor::new(bytes)))
}

/// Decompresses all parts of the archive once, because what it says about their sizes need not be true.
fn inspect(name: &str, bytes: &[u8]) -> Result<(), StepError> {
    let (whole, damaged) = (Expansion::of(bytes), |error| cannot_read(name, error));
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(damaged)?;
    let other = [("xl/workbook.bin", "a binary workbook (`.xlsb`)"), ("content.xml", "an OpenDocument file (`.ods`)")];
    if let Some((_, kind)) = other.into_iter().find(|(part, _)| archive.index_for_name(part).is_some()) {
        return Err(StepError::new(format!("`{name}` is {kind}; save it as `.xlsx`")));
    }
    let mut left = whole.bytes;
    for index in 0..archive.len() {
        let part = archive.by_index(index).map_err(damaged)?;
        let holds_texts = part.name().map_err(damaged)?.to_ascii_lowercase().ends_with("sharedstrings.xml");
        let mut part = Interruptible(part.take(left.saturating_add(1)));
        let mut head = Vec::new();
        let read = part.by_ref().take(HEAD_BYTES).read_to_end(&mut head).map_err(|error| cannot_read(name, error))?;
        let rest = std::io::copy(&mut part, &mut std::io::sink()).map_err(|error| cannot_read(name, error))?;
        let size = read as u64 + rest;
        left = left.checked_sub(size).ok_or_else(|| whole.exceeded(name))?;
        if holds_texts {
            plausible_count(&head, size).map_err(|reason| StepError::new(format!("cannot read `{name}`: {reason}")))?;
        }
    }
    Ok(())
}

/// Checks the number of texts that the part with all texts claims to contain: a reader reserves memory for them. A text has at
/// least five bytes, `<si/>`.
fn plausible_count(head: &[u8], size: u64) -> Result<(), &'static str> {
    static ROOT: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"^(?:\xef\xbb\xbf)?\s*(?:<\?[^<>]*\?>\s*)*<(?:[\w.-]+:)?sst[\s/>][^<]*").ok());
    static COUNT: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r#"uniqueCount\s*=\s*["']\s*\+?([0-9]+)"#).ok());
    // Both patterns are constant and valid.
    let (Some(root), Some(count)) = (ROOT.as_ref(), COUNT.as_ref()) else { return Ok(()) };
    let root = root.find(head).ok_or("the part with its texts does not begin with their number")?;
    if root.end() as u64 == HEAD_BYTES {
        return Err("the part with its texts begins with too many attributes");
    }
    let claimed =
        count.captures_iter(root.as_bytes()).filter_map(|found| std::str::from_utf8(&found[1]).ok()?.parse().ok());
    let claimed: u64 = claimed.max().unwrap_or(0);
    if claimed > size / 5 + 1 { Err("it claims to contain more texts than fit into it") } else { Ok(()) }
}

/// Runs `work` of the library, which panics on some damaged workbooks. Unwind safety holds because a workbook is not used after a
/// failure.
///
/// # Errors
/// Fails like `work`, or if it panics.
pub(super) fn caught<T>(name: &str, work: impl FnOnce() -> Result<T, XlsxError>) -> Result<T, StepError> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => result.map_err(|error| cannot_read(name, error)),
        Err(_) => Err(StepError::new(format!("cannot read `{name}` as an Excel workbook: it is damaged"))),
    }
}

fn cannot_read(name: &str, error: impl std::error::Error + Send + Sync + 'static) -> StepError {
    StepError::context(format!("cannot read `{name}` as an Excel workbook"), error)
}

/// Returns the name of the sheet to read: the one called `sheet`, or else the only one.
///
/// # Errors
/// Lists the sheets if none is called so, or if `sheet` is `None` and there are several.
pub(super) fn chosen(name: &str, workbook: &Workbook<'_>, sheet: Option<&str>) -> Result<String, Misfit> {
    let sheets = workbook.sheets_metadata().iter();
    let there: Vec<&str> =
        sheets.filter(|sheet| sheet.typ == SheetType::WorkSheet).map(|sheet| sheet.name.as_str()).collect();
    match (sheet, there.as_slice()) {
        (_, []) => Err(Misfit::new("sheet", format!("`{name}` has no sheet with cells"))),
        (Some(sheet), there) if there.contains(&sheet) => Ok(sheet.to_owned()),
        (Some(sheet), there) => {
            let message = format!("`{name}` has no sheet `{sheet}`; its sheets are {}", listed(there));
            let misfit = Misfit::new("sheet", message);
            Err(match nearest(sheet, there.iter().copied()) {
                Some(meant) => misfit.with_help(format!("did you mean `{meant}`?")),
                None => misfit,
            })
        }
        (None, [only]) => Ok((*only).to_owned()),
        (None, there) => {
            let message = format!("`{name}` has the sheets {}, and no parameter says which to read", listed(there));
            Err(Misfit::new("sheet", message).with_help(format!("write `sheet: {}`", there[0])))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_with_texts_cannot_claim_more_of_them_than_it_has_bytes() {
        let check = |head: &str, size| plausible_count(head.as_bytes(), size);
        let head = "<?xml version=\"1.0\"?>\n<sst xmlns=\"x\" count=\"9\" uniqueCount=\"2\"><si><t>a</t></si>";
        assert_eq!(check(head, 100), Ok(()));
        assert_eq!(check(&head.replace("\"2\"", "\"21\""), 100), Ok(()));
        for more in ["\"22\"", " '22'", "\n=\n\"+22\"", "\"99999999999999999\""] {
            let more = head.replace("=\"2\"", &if more.contains('=') { more.to_owned() } else { format!("={more}") });
            assert!(check(&more, 100).is_err(), "{more}");
        }
        assert_eq!(check("<x:sst/>", 8), Ok(()));
        for unknown in ["", "<!-- <sst> --><sst>", "<a><sst>", "<s\0s\0t\0>"] {
            assert!(check(unknown, 100).is_err(), "{unknown}");
        }
        assert!(check(&format!("<sst {}", " ".repeat(HEAD_BYTES as usize - 5)), 100).is_err());
    }
}
