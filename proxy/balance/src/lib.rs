//! Which instance? The balancer's pure policy: no sockets, no clock of its own.
//!
//! A [`Balancer`] belongs to one service. [`Balancer::pick`] answers with a [`Permit`] (a counted
//! place on an instance, given back when dropped), a [`Waiter`] (a future that is handed a permit
//! when it is its turn), or a [`Refusal`]. The rules:
//!
//! 1. Eligible is who is healthy, not draining, bears the required labels and is not excluded.
//! 2. What is preferred is tried first.
//! 3. Open instances come before busy ones, full ones get nothing.
//! 4. The closest class comes first, inside it the least loaded, and ties are drawn.
//! 5. Who fails counts as more loaded, and gets nothing for a while after enough failures in a row
//!    ([`Ejection`]); who is new or back can start slowly. Requests report how they ended by
//!    [`Instance::succeeded`] and [`Instance::failed`], and time comes in as `now`.
//! 6. If everything eligible is full, requests wait in the order of their arrival and nobody
//!    overtakes.
//!
//! ```
//! use std::time::Duration;
//! use hither_balance::{Balancer, InstanceSpec, Picked, Policy, Wanted};
//!
//! let near = InstanceSpec {
//!     id: "ams-1".into(),
//!     address: "10.0.0.1:80".into(),
//!     region: "ams".into(),
//!     labels: vec![("version".into(), "stable".into())],
//!     rtt: Some(Duration::from_millis(1)),
//!     payload: (),
//! };
//! let policy = Policy { hard_limit: Some(1), ..Policy::default() };
//! let balancer = Balancer::new(policy, vec![near], 1).unwrap();
//! let mut rng = fastrand::Rng::with_seed(7);
//!
//! let wanted = Wanted { require: &[("version", "stable")], ..Wanted::default() };
//! let Picked::Permit(permit) = balancer.pick(&wanted, &mut rng, Duration::ZERO) else { panic!() };
//! assert_eq!(permit.id(), "ams-1");
//! // The only instance is full now, so the next request waits until the permit is dropped.
//! assert!(matches!(balancer.pick(&wanted, &mut rng, Duration::ZERO), Picked::Wait(_)));
//! ```

mod balancer;
mod calm;
mod choose;
mod core;
mod departed;
mod explain;
mod health;
mod hold;
mod index;
mod instance;
mod labels;
mod live;
mod outcome;
mod permit;
mod policy;
mod queue;
mod regions;
mod retry_budget;
mod roster;
mod rtt;
mod seats;
mod status;
mod sync;
mod table;
mod waiter;
mod wanted;

pub use balancer::{Balancer, Picked, Refusal, SpecError};
pub use explain::{Candidate, Explanation, Outcome, Verdict};
pub use instance::{Instance, InstanceSpec, Label};
pub use permit::Permit;
pub use policy::{Band, Ejection, Policy, Scope, Spread};
pub use retry_budget::{Active, Allowance, Retry, RetryBudget};
pub use rtt::{CLASS_HOLD, RttClass};
pub use status::{InstanceStatus, QueueStatus};
pub use waiter::Waiter;
pub use wanted::Wanted;
