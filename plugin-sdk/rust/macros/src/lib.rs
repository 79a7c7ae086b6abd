//! The attribute behind the hither-plugin crate. It writes down what a plugin exports; everything that
//! is the same for all plugins is in that crate.

use proc_macro::TokenStream;
use proc_macro2::TokenStream as Tokens;
use quote::{format_ident, quote};
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::{Error, Ident, ImplItem, ItemImpl, Result, Token, parse_macro_input, parse_quote};

/// The hooks that can be listed: as in the attribute, and the marker type of each.
const HOOKS: [(&str, &str); 10] = [
    ("routing", "Routing"),
    ("failover", "Failover"),
    ("request_filter", "RequestFilter"),
    ("request_body", "RequestBody"),
    ("response_filter", "ResponseFilter"),
    ("response_body", "ResponseBody"),
    ("cache_policy", "CachePolicy"),
    ("rate_limit", "RateLimit"),
    ("access_log", "AccessLog"),
    ("background", "Background"),
];

/// Put on `impl Plugin for ...`, with the hooks that the plugin has:
/// `#[plugin(routing, response_filter)]`. Exports those hooks, and no other; each needs its trait
/// implemented. Name and version are the package's, unless the `impl` gives others.
#[proc_macro_attribute]
pub fn plugin(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let parser = Punctuated::<Ident, Token![,]>::parse_terminated;
    let hooks = match parser.parse(attribute) {
        Ok(hooks) => hooks.into_iter().collect::<Vec<_>>(),
        Err(error) => return error.into_compile_error().into(),
    };
    let item = parse_macro_input!(item as ItemImpl);
    expand(&hooks, item).unwrap_or_else(Error::into_compile_error).into()
}

fn expand(hooks: &[Ident], mut item: ItemImpl) -> Result<Tokens> {
    check(hooks, &item)?;
    default_const(&mut item, "NAME", "CARGO_PKG_NAME");
    default_const(&mut item, "VERSION", "CARGO_PKG_VERSION");
    let plugin = item.self_ty.clone();
    let markers = hooks.iter().map(|hook| {
        let marker = format_ident!("{}", marker(hook).unwrap_or_default(), span = hook.span());
        quote! { impl ::hither_plugin::Exports<::hither_plugin::hook::#marker> for #plugin {} }
    });
    let exports = hooks.iter().map(|hook| {
        let export = format_ident!("export_{hook}");
        quote! {
            ::hither_plugin::bindings::#hook::#export!(
                Adapter with_types_in ::hither_plugin::bindings::#hook
            );
        }
    });
    Ok(quote! {
        #item
        #(#markers)*
        const _: () = {
            ::std::thread_local! {
                static VALUES: ::std::cell::RefCell<
                    ::std::vec::Vec<(u32, ::std::rc::Rc<#plugin>)>
                > = const { ::std::cell::RefCell::new(::std::vec::Vec::new()) };
            }
            impl ::hither_plugin::Configured for #plugin {
                fn with<R>(
                    access: impl ::std::ops::FnOnce(
                        &::std::cell::RefCell<::std::vec::Vec<(u32, ::std::rc::Rc<Self>)>>
                    ) -> R,
                ) -> R {
                    VALUES.with(access)
                }
            }
        };
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            type Adapter = ::hither_plugin::Adapter<#plugin>;
            ::hither_plugin::bindings::lifecycle::export_lifecycle!(
                Adapter with_types_in ::hither_plugin::bindings::lifecycle
            );
            #(#exports)*
        };
    })
}

fn marker(hook: &Ident) -> Option<&'static str> {
    HOOKS.into_iter().find(|(name, _)| hook == name).map(|(_, marker)| marker)
}

fn check(hooks: &[Ident], item: &ItemImpl) -> Result<()> {
    let known = HOOKS.map(|(name, _)| name).join(", ");
    if hooks.is_empty() {
        let text = format!("list the hooks of the plugin: {known}");
        return Err(Error::new_spanned(&item.self_ty, text));
    }
    for (index, hook) in hooks.iter().enumerate() {
        if marker(hook).is_none() {
            return Err(Error::new_spanned(hook, format!("no such hook; there are {known}")));
        }
        if hooks[..index].contains(hook) {
            return Err(Error::new_spanned(hook, "this hook is listed twice"));
        }
    }
    let of_plugin = item.trait_.as_ref().and_then(|(_, path, _)| path.segments.last());
    if of_plugin.is_none_or(|segment| segment.ident != "Plugin") {
        return Err(Error::new_spanned(&item.self_ty, "put this on `impl Plugin for ...`"));
    }
    if !item.generics.params.is_empty() {
        return Err(Error::new_spanned(&item.generics, "a plugin cannot be generic"));
    }
    Ok(())
}

/// Adds a constant that the author left out.
fn default_const(item: &mut ItemImpl, name: &str, variable: &str) {
    let given =
        item.items.iter().any(|item| matches!(item, ImplItem::Const(it) if it.ident == name));
    if !given {
        let name = format_ident!("{name}");
        item.items.push(parse_quote! { const #name: &'static str = ::std::env!(#variable); });
    }
}
