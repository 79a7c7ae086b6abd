//! Does a client want a page, or data? By `Accept` (RFC 9110 section 12.5.1).

/// Whether it likes HTML better than JSON. Who does not say gets JSON: browsers always say.
pub(crate) fn html(accept: Option<&str>) -> bool {
    let Some(accept) = accept else { return false };
    let html = liking(accept, &["text/html", "application/xhtml+xml"], "text/*");
    let json = liking(accept, &["application/json", "application/problem+json"], "application/*");
    html > json
}

/// How much it likes one of these, in thousandths: the most exact range that is given counts.
fn liking(accept: &str, exact: &[&str], family: &str) -> u16 {
    let ranges = || accept.split(',').map(range);
    let best = |named: &dyn Fn(&str) -> bool| {
        ranges().filter(|(name, _)| named(name)).map(|(_, quality)| quality).max()
    };
    best(&|name| exact.iter().any(|one| one.eq_ignore_ascii_case(name)))
        .or_else(|| best(&|name| name.eq_ignore_ascii_case(family)))
        .or_else(|| best(&|name| name == "*/*"))
        .unwrap_or(0)
}

/// A media range with its quality, which is 1 where none is given.
fn range(text: &str) -> (&str, u16) {
    let mut parts = text.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default();
    let quality = parts.find_map(|part| {
        part.strip_prefix("q=").or_else(|| part.strip_prefix("Q="))?.parse::<f32>().ok()
    });
    let quality = quality.unwrap_or(1.0).clamp(0.0, 1.0) * 1000.0;
    // Between 0 and 1000, and a NaN becomes 0.
    (name, quality as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_get_a_page_and_programs_get_data() {
        for page in [
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "text/html",
            "TEXT/HTML;q=0.5, application/json;q=0.4",
            "text/*, */*;q=0.1",
        ] {
            assert!(html(Some(page)), "{page}");
        }
        for data in [
            "*/*",
            "application/json",
            "application/json, text/html;q=0.9",
            "",
            "text/html;q=0",
            "text/html;q=NaN",
        ] {
            assert!(!html(Some(data)), "{data}");
        }
        assert!(!html(None));
    }
}
