//! Whether a stored response answers a request (RFC 9111 section 4, RFC 5861). Pure.

use crate::ask::Ask;
use crate::terms::Terms;
use std::time::Instant;

/// What a stored response is for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// Its answer.
    Fresh,
    /// Its answer, though stale, because the request says that this will do.
    Wished,
    /// Its answer, though stale, while it is fetched anew beside the request.
    WhileRevalidating,
    /// Its answer once the origin says that it still is.
    Validate,
    /// Nothing: this request may have another answer.
    Unfit,
}

/// What `terms` mean for `ask` now.
pub fn reuse(terms: &Terms, ask: &Ask, now: Instant) -> Reuse {
    if (ask.authorization && !terms.for_authorized) || (ask.cookie && !terms.said) {
        return Reuse::Unfit;
    }
    let (wants, age) = (&ask.wants, terms.age(now));
    // Section 5.2.1.4.
    if wants.no_cache {
        return Reuse::Validate;
    }
    let too_old = wants.max_age.is_some_and(|most| age > most);
    let staleness = match terms.rest(now) {
        // Section 5.2.1.3.
        Ok(rest) if wants.min_fresh.is_some_and(|least| rest < least) => return Reuse::Validate,
        Ok(_) if too_old => return Reuse::Validate,
        Ok(_) => return Reuse::Fresh,
        Err(staleness) => staleness,
    };
    // Section 5.2.1.2; with max-age, it must be young enough nevertheless.
    if terms.stale_on_wish && !too_old && wants.max_stale.is_some_and(|most| staleness <= most) {
        return Reuse::Wished;
    }
    let modest = wants.max_age.is_none() && wants.min_fresh.is_none();
    // RFC 5861 section 3.
    if modest && staleness < terms.stale_while_revalidate {
        return Reuse::WhileRevalidating;
    }
    Reuse::Validate
}

/// Whether it may be given now that the origin fails (RFC 5861 section 4).
pub fn on_error(terms: &Terms, ask: &Ask, now: Instant) -> bool {
    if reuse(terms, ask, now) == Reuse::Unfit || ask.wants.no_cache {
        return false;
    }
    let too_old = ask.wants.max_age.is_some_and(|most| terms.age(now) > most);
    match terms.rest(now) {
        // It was only asked about because the request wanted more.
        Ok(_) => false,
        Err(staleness) => {
            !too_old && ask.wants.min_fresh.is_none() && staleness < terms.stale_if_error
        }
    }
}

#[cfg(test)]
mod tests;
