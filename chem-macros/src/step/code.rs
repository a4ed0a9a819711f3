//! Hashes what the author wrote, so that the runtime can distinguish a result of this code from one of earlier code.
//!
//! The hash covers the tokens of the item, in order. It does not cover doc comments, nor comments and white space,
//! which are not tokens, nor the code that the item calls. The hash only decides whether to warn, so 64 bits are
//! enough.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// Returns the hash of `item` as 16 hexadecimal digits.
pub(super) fn hash(item: TokenStream) -> String {
    let mut hash = Fnv::default();
    hash.stream(item);
    format!("{:016x}", hash.0)
}

/// FNV-1a. The hasher of the standard library may change between releases, and the hash is stored in logs.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Fnv {
    fn text(&mut self, text: &str) {
        // No token contains a zero byte.
        for byte in text.bytes().chain([0]) {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    fn stream(&mut self, stream: TokenStream) {
        let tokens: Vec<TokenTree> = stream.into_iter().collect();
        let mut rest = &tokens[..];
        loop {
            rest = match rest {
                [] => return,
                [TokenTree::Punct(mark), TokenTree::Group(group), after @ ..]
                    if mark.as_char() == '#' && is_doc(group) =>
                {
                    after
                }
                [TokenTree::Punct(mark), TokenTree::Punct(inner), TokenTree::Group(group), after @ ..]
                    if mark.as_char() == '#' && inner.as_char() == '!' && is_doc(group) =>
                {
                    after
                }
                [TokenTree::Group(group), after @ ..] => {
                    let (open, close) = match group.delimiter() {
                        Delimiter::Parenthesis => ("(", ")"),
                        Delimiter::Brace => ("{", "}"),
                        Delimiter::Bracket => ("[", "]"),
                        Delimiter::None => ("", ""),
                    };
                    self.text(open);
                    self.stream(group.stream());
                    self.text(close);
                    after
                }
                [token, after @ ..] => {
                    self.text(&token.to_string());
                    after
                }
            };
        }
    }
}

/// Returns whether these are the brackets of a doc comment, or of a `#[doc…]` attribute.
fn is_doc(group: &Group) -> bool {
    group.delimiter() == Delimiter::Bracket
        && matches!(group.stream().into_iter().next(), Some(TokenTree::Ident(ident)) if ident == "doc")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> String {
        hash(text.parse().unwrap())
    }

    #[test]
    fn what_is_no_code_is_not_hashed() {
        let code = of("fn f(a: u32) -> u32 { a + 1 }");
        // The hash is stored in logs, so every release of the compiler must produce the same value.
        assert_eq!(code, "47e3e35f3458289d");
        for same in [
            "fn f(a: u32)   -> u32 {\n    a + 1 // one more\n}",
            "/// One more.\nfn f(\n/// A number.\na: u32) -> u32 { /* one */ a + 1 }",
            "#[doc = \"One more.\"] #[doc(hidden)] fn f(a: u32) -> u32 { #![doc = \"in it\"] a + 1 }",
        ] {
            assert_eq!(of(same), code, "{same}");
        }
        for other in [
            "fn f(a: u32) -> u32 { a + 2 }",
            "fn f(a: u32) -> u32 { a - 1 }",
            "fn f(a: u32) -> u32 { (a + 1) }",
            "fn f(a: u64) -> u32 { a + 1 }",
            "fn g(a: u32) -> u32 { a + 1 }",
            "#[inline] fn f(a: u32) -> u32 { a + 1 }",
            "fn f(a: u32) -> u32 { a + 1u32 }",
        ] {
            assert_ne!(of(other), code, "{other}");
        }
    }
}
