//! Pictures: the library's drawings, on a transparent ground and in a quarter of the bytes, as data URIs.
//!
//! A drawing has an element on each line. Each repeats a style of which little differs from element to element, and names
//! the atoms and bonds that it belongs to. What all have in common becomes one group around them, and lines of the same
//! colour that follow one another become one path. A drawing with any other element stays as it is.

use std::collections::BTreeSet;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::chemistry::library::{Drawing, Structure};

/// The width and height of a picture, in pixels before the page scales it.
pub(super) const SIZE: (u32, u32) = (280, 190);

/// What an element has unless it says otherwise: as attributes of the group, or by the definition of SVG.
const COMMON: [(&str, &str); 15] = [
    ("fill", "none"),
    ("fill-opacity", "1"),
    ("fill-rule", "evenodd"),
    ("font-family", "sans-serif"),
    ("font-size", "12px"),
    ("font-style", "normal"),
    ("font-weight", "normal"),
    ("stroke", "none"),
    ("stroke-dasharray", "none"),
    ("stroke-linecap", "butt"),
    ("stroke-linejoin", "miter"),
    ("stroke-miterlimit", "10"),
    ("stroke-opacity", "1"),
    ("stroke-width", "2.0px"),
    ("text-anchor", "start"),
];

/// The attributes of the group that differ from what SVG defines.
const GROUP: &str = "<g fill='none' fill-rule='evenodd' stroke-width='2' stroke-miterlimit='10' font-family='sans-serif' font-size='12'>";

/// The colour behind what a pattern matches.
const MATCHED: &str = "#FFD54F";

/// Returns a drawing of [`SIZE`] as a data URI, in front of the marks.
pub(super) fn data_uri(drawing: &str, marks: &Marks) -> String {
    let svg = rewritten(drawing, marks).unwrap_or_else(|| transparent(drawing, marks));
    let svg = svg.replace(['\n', '\r', '\t'], " ");
    format!("data:image/svg+xml,{}", utf8_percent_encode(&svg, ENCODED))
}

/// The characters of a picture to encode in a quoted URI. The characters that SVG uses most stay as they are, which
/// halves the size.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b' ')
    .remove(b'.')
    .remove(b',')
    .remove(b'-')
    .remove(b'=')
    .remove(b':')
    .remove(b';')
    .remove(b'/');

/// Removes the white background of a drawing, so that the page's own shows.
fn transparent(drawing: &str, marks: &Marks) -> String {
    let lines = drawing.lines().filter(|line| !line.starts_with("<rect ") && !line.starts_with("<?xml"));
    let svg = lines.collect::<Vec<_>>().join("\n");
    svg.replace(HEADER_END, &format!("{HEADER_END}\n{}", marks.path()))
}

/// What separates the elements of a drawing from what is said of the whole.
const HEADER_END: &str = "<!-- END OF HEADER -->";

/// Rewrites a drawing; `None` if it has an element of another kind than the library draws today.
fn rewritten(drawing: &str, marks: &Marks) -> Option<String> {
    let (_, body) = drawing.split_once(HEADER_END)?;
    let mut elements = Elements::default();
    for line in body.lines().map(str::trim).filter(|line| !line.is_empty() && *line != "</svg>") {
        if !line.starts_with("<rect ") {
            elements.push(&Element::parse(line)?);
        }
    }
    let (width, height) = SIZE;
    let (marks, elements) = (marks.path(), elements.end());
    Some(format!(
        "<svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='{height}' viewBox='0 0 {width} {height}'>\
         {GROUP}{marks}{elements}</g></svg>"
    ))
}

/// An element of a drawing.
struct Element<'a> {
    name: &'a str,
    attributes: Vec<(&'a str, &'a str)>,
    /// What a text says.
    text: Option<&'a str>,
}

impl<'a> Element<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let (name, rest) = line.strip_prefix('<')?.split_once(' ')?;
        let (mut rest, text) = match name {
            "path" | "ellipse" => (rest.strip_suffix("/>")?, None),
            "text" => {
                let (attributes, text) = rest.strip_suffix("</text>")?.split_once('>')?;
                (attributes, Some(text))
            }
            _ => return None,
        };
        let mut attributes = Vec::new();
        while let Some((name, value)) = rest.split_once("='") {
            let (value, after) = value.split_once('\'')?;
            attributes.push((name.trim(), value));
            rest = after;
        }
        rest.trim().is_empty().then_some(Self { name, attributes, text })
    }

    fn get(&self, name: &str) -> &'a str {
        self.attributes.iter().find(|(found, _)| *found == name).map_or("", |(_, value)| *value)
    }

    /// Returns the parts of its style that are not [`COMMON`], as attributes.
    fn style(&self) -> String {
        let declared = self.get("style").split(';').filter_map(|declaration| declaration.split_once(':'));
        let own = self.attributes.iter().copied().filter(|(name, _)| !matches!(*name, "class" | "style" | "d"));
        let mut style = String::new();
        for (name, value) in own.chain(declared.map(|(name, value)| (name.trim(), value.trim()))) {
            if !COMMON.contains(&(name, value)) {
                style.push_str(&format!(" {name}='{value}'"));
            }
        }
        style
    }
}

/// The elements of the new drawing. A path waits for others in the same style.
#[derive(Default)]
struct Elements {
    written: String,
    path: String,
    style: String,
}

impl Elements {
    fn push(&mut self, element: &Element<'_>) {
        let style = element.style();
        if element.name != "path" {
            self.flush();
            let name = element.name;
            self.written.push_str(&match element.text {
                Some(text) => format!("<{name}{style}>{text}</{name}>"),
                None => format!("<{name}{style}/>"),
            });
            return;
        }
        // The outlines of filled shapes would cut holes into each other.
        if style != self.style || style.contains("fill=") {
            self.flush();
        }
        self.path.push_str(&element.get("d").replace("M ", "M").replace(" L ", "L").replace(',', " "));
        self.style = style;
    }

    fn flush(&mut self) {
        if !self.path.is_empty() {
            self.written.push_str(&format!("<path{} d='{}'/>", self.style, self.path));
            self.path.clear();
        }
    }

    fn end(mut self) -> String {
        self.flush();
        self.written
    }
}

/// The background of matched atoms and of the bonds between them.
#[derive(Default)]
pub(super) struct Marks {
    path: String,
    width: f64,
}

impl Marks {
    /// Marks the atoms `matched` of a structure at their positions in its drawing.
    pub(super) fn of(structure: &Structure, drawing: &Drawing, matched: &BTreeSet<usize>) -> Self {
        let centre = |atom: &usize| matched.contains(atom).then(|| drawing.centres.get(atom)).flatten();
        let mut path: String = matched.iter().filter_map(centre).map(|(x, y)| format!("M{x:.1} {y:.1}h0")).collect();
        let bonds = structure.bond_states();
        let mut longest: f64 = 0.0;
        for [from, to] in bonds.iter().map(|bond| bond.ends) {
            if let (Some((x, y)), Some((to_x, to_y))) = (drawing.centres.get(&from), drawing.centres.get(&to)) {
                longest = longest.max((x - to_x).hypot(y - to_y));
            }
            if let (Some((x, y)), Some((to_x, to_y))) = (centre(&from), centre(&to)) {
                path.push_str(&format!("M{x:.1} {y:.1}L{to_x:.1} {to_y:.1}"));
            }
        }
        // An atom without bonds has a letter of about this size.
        let width = if longest > 0.0 { 0.5 * longest } else { 20.0 };
        Self { path, width: width.min(20.0) }
    }

    fn path(&self) -> String {
        let Self { path, width } = self;
        if path.is_empty() {
            return String::new();
        }
        format!("<path stroke='{MATCHED}' stroke-linecap='round' stroke-width='{width:.1}' fill='none' d='{path}'/>")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::on_workers;

    /// Returns the drawing of a molecule, and that with marks on these atoms.
    fn drawn(smiles: &str, marked: &[usize]) -> (String, Marks) {
        on_workers(|| {
            let structure = Structure::from_smiles(smiles).unwrap();
            let drawing = structure.drawing(SIZE.0, SIZE.1).unwrap();
            let marks = Marks::of(&structure, &drawing, &marked.iter().copied().collect());
            (drawing.svg, marks)
        })
        .unwrap()
    }

    #[test]
    fn a_picture_in_an_attribute_needs_no_other_quotes() {
        let uri = data_uri("<svg a='#fff'>é%\"</svg>\n", &Marks::default());
        assert_eq!(uri.find(['<', '>', '\'', '"', '#', 'é', '\n']), None);
    }

    #[test]
    fn a_picture_has_every_line_and_letter_of_its_drawing_in_fewer_bytes() {
        let (mut all, mut fewer) = (0, 0);
        for smiles in
            ["CC(=O)Oc1ccccc1C(=O)O", "C[C@H](N)C(=O)O", "F/C=C/Br", "[Na+].[Cl-]", "*CC#N", "[CH3]", "[2H]OC~[Fe]"]
        {
            let (before, marks) = drawn(smiles, &[]);
            let after = rewritten(&before, &marks).unwrap();
            for (old, new) in [(" L ", "L"), ("<text", "<text"), ("<ellipse", "<ellipse")] {
                assert_eq!(before.matches(old).count(), after.matches(new).count(), "{new} of {smiles}: {after}");
            }
            assert!(!after.contains("style=") && !after.contains("<rect"), "{after}");
            (all, fewer) = (all + before.len(), fewer + after.len());
        }
        assert!(fewer * 2 < all, "{fewer} of {all}");
    }

    #[test]
    fn the_matched_atoms_and_the_bonds_between_them_have_one_background() {
        let (drawing, marks) = drawn("CC(=O)O", &[1, 2, 3]);
        let svg = rewritten(&drawing, &marks).unwrap();
        let path = svg.split("stroke='#FFD54F'").nth(1).unwrap().split("/>").next().unwrap();
        assert_eq!((path.matches("h0").count(), path.matches('L').count()), (3, 2), "{svg}");
        assert!(transparent(&drawing, &marks).contains(path));
        let (drawing, none) = drawn("CC(=O)O", &[]);
        assert!(!rewritten(&drawing, &none).unwrap().contains("#FFD54F"));
    }

    #[test]
    fn an_unknown_element_stays() {
        let (drawing, marks) = drawn("CCO", &[]);
        let drawing = drawing.replace("</svg>", "<image x='1'/>\n</svg>");
        assert_eq!(rewritten(&drawing, &marks), None);
        assert!(data_uri(&drawing, &marks).contains("image"));
    }
}
