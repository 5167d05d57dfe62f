//! The pages that the binary brings along: demos and, later, the admin page. Built from `sdk-ts/`, committed in
//! `engine/assets/`, embedded at compile time.

use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, ETAG, EntityTag, IF_NONE_MATCH, LOCATION, REFERRER_POLICY,
};
use actix_web::{HttpRequest, HttpResponse};
use fanfare_protocol::{Code, Error};
use rust_embed::{EmbeddedFile, RustEmbed};

use super::accept_encoding::{SMALL, Wishes};
use super::compressed;
use super::packed_asset::packed;
use super::reply::{Reply, Worker};

/// Nothing inline, nothing from elsewhere, in nobody's frame. WebSockets by scheme, because not every browser counts
/// them to `'self'`.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
    connect-src 'self' ws: wss:; manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'self'; \
    frame-ancestors 'none'";

#[derive(RustEmbed)]
#[folder = "assets/"]
struct Assets;

/// `GET /`: to the demos.
pub(super) async fn root() -> HttpResponse {
    HttpResponse::Found().insert_header((LOCATION, "/demo/")).insert_header((CACHE_CONTROL, "no-store")).finish()
}

/// `GET /demo/…`, `GET /admin/…`.
pub(super) async fn get(Worker(hub): Worker, request: HttpRequest) -> Reply {
    let path = request.path();
    match find(path.trim_start_matches('/')) {
        Found::File(name, file) => Ok(served(&request, &compressed::wishes(&request, hub.node()), &name, file)),
        Found::Folder => {
            let response = HttpResponse::PermanentRedirect().insert_header((LOCATION, format!("{path}/"))).finish();
            Ok(response)
        }
        Found::Nothing => Err(Error::of(Code::NotFound).into()),
    }
}

enum Found {
    File(String, EmbeddedFile),
    /// Its page's relative links need the slash.
    Folder,
    Nothing,
}

fn find(path: &str) -> Found {
    let name = if path.ends_with('/') { format!("{path}index.html") } else { path.to_owned() };
    match Assets::get(&name) {
        Some(file) => Found::File(name, file),
        None if Assets::get(&format!("{name}/index.html")).is_some() => Found::Folder,
        None => Found::Nothing,
    }
}

fn served(request: &HttpRequest, wishes: &Wishes, name: &str, file: EmbeddedFile) -> HttpResponse {
    let digest = hex(&file.metadata.sha256_hash()[..16]);
    let coding = wishes.coding(&SMALL).filter(|_| compressed::is_worth(media_type(name)));
    let packed = coding.and_then(|coding| Some((coding, packed(&digest, coding, &file.data)?)));
    // Each form has a tag of its own: they are not the same bytes.
    let tag = match &packed {
        Some((coding, _)) => EntityTag::new_strong(format!("{digest}-{}", coding.name())),
        None => EntityTag::new_strong(digest),
    };
    let known = request.headers().get(IF_NONE_MATCH).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_known =
        known.split(',').filter_map(|known| known.trim().parse().ok()).any(|known: EntityTag| known.weak_eq(&tag));
    let mut response = if is_known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response
        .insert_header((ETAG, tag.to_string()))
        // Kept, but asked for each time: a new binary must not meet the old page.
        .insert_header((CACHE_CONTROL, "no-cache"))
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((REFERRER_POLICY, "no-referrer"));
    if is_known {
        return response.finish();
    }
    response.content_type(media_type(name));
    match packed {
        Some((coding, packed)) => response.insert_header((CONTENT_ENCODING, coding.name())).body(packed),
        None => response.body(file.data.into_owned()),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "wasm" => "application/wasm",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_its_page() {
        assert!(matches!(find("demo/"), Found::File(name, _) if name == "demo/index.html"));
        assert!(matches!(find("demo"), Found::Folder));
        for path in ["", "demo/none", "demo//", "../Cargo.toml", "demo/../demo/index.html", "/demo/index.html"] {
            assert!(matches!(find(path), Found::Nothing), "{path}");
        }
    }

    #[test]
    fn every_file_that_is_embedded_has_a_media_type() {
        for name in Assets::iter() {
            assert_ne!(media_type(&name), "application/octet-stream", "{name}");
        }
    }

    /// The policy forbids both, so a page that has them is broken.
    #[test]
    fn no_page_has_scripts_or_styles_of_its_own() {
        for name in Assets::iter().filter(|name| name.ends_with(".html")) {
            let page = Assets::get(&name).unwrap();
            let page = std::str::from_utf8(&page.data).unwrap().to_lowercase();
            assert!(!page.contains("<style") && !page.contains(" style="), "{name}");
            for script in page.split("<script").skip(1) {
                assert!(script.split('>').next().unwrap().contains("src="), "{name}");
            }
        }
    }
}
