//! The interfaces that a component exports: where each lies in its code, looked up once at load, and in one
//! instance of it. It calls none of them.

use wasmtime::Store;
use wasmtime::component::{Instance, InstancePre};

use crate::contract::exports::hither::plugin::{
    access_log, background, cache_policy, failover, lifecycle, rate_limit, request_body,
    request_filter, response_body, response_filter, routing,
};
use crate::guest::Guest;
use crate::hook::{Hook, Hooks};

/// Both structs and the ways between them, by the list of hooks: for each the same three lines.
macro_rules! interfaces {
    ($($hook:ident: $interface:ident,)+) => {
        /// Where a component's exports lie.
        pub(crate) struct Exports {
            lifecycle: lifecycle::GuestIndices,
            $($interface: Option<$interface::GuestIndices>,)+
        }

        /// The exports of one instance.
        pub(crate) struct Interfaces {
            pub(crate) lifecycle: lifecycle::Guest,
            $(pub(crate) $interface: Option<$interface::Guest>,)+
        }

        impl Exports {
            pub(crate) fn find(pre: &InstancePre<Guest>, hooks: Hooks) -> wasmtime::Result<Self> {
                let has = |hook| hooks.contains(hook);
                Ok(Self {
                    lifecycle: lifecycle::GuestIndices::new(pre)?,
                    $($interface: has(Hook::$hook)
                        .then(|| $interface::GuestIndices::new(pre))
                        .transpose()?,)+
                })
            }

            pub(crate) fn load(
                &self,
                store: &mut Store<Guest>,
                instance: &Instance,
            ) -> wasmtime::Result<Interfaces> {
                Ok(Interfaces {
                    lifecycle: self.lifecycle.load(&mut *store, instance)?,
                    $($interface: self
                        .$interface
                        .as_ref()
                        .map(|indices| indices.load(&mut *store, instance))
                        .transpose()?,)+
                })
            }
        }
    };
}

interfaces! {
    Routing: routing,
    RequestFilter: request_filter,
    ResponseFilter: response_filter,
    RateLimit: rate_limit,
    CachePolicy: cache_policy,
    AccessLog: access_log,
    Background: background,
    RequestBody: request_body,
    ResponseBody: response_body,
    Failover: failover,
}
