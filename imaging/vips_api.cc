#include "imaging/vips_api.h"

#include <dlfcn.h>

#include <string>

namespace espy::imaging {
namespace {

// The name that the binary interface of every libvips 8 has.
constexpr const char* kLibrary = "libvips.so.42";

void DropMessage(const gchar*, GLogLevelFlags, const gchar*, gpointer) {}

Status Missing(const std::string& why) {
  return Status::Unsupported(
      "pictures of this format are decoded by libvips, which cannot be used: " + why +
      "; install libvips 8.13 or newer (Debian: libvips42)");
}

std::string LoadError() {
  const char* error = dlerror();
  return error != nullptr ? error : "unknown error";
}

Status Load(VipsApi* api) {
  void* library = dlopen(kLibrary, RTLD_LAZY | RTLD_LOCAL);
  if (library == nullptr) return Missing(LoadError());
    // Symbols are also looked for in what libvips itself needs, GLib among it.
#define ESPY_VIPS_RESOLVE(name)                                             \
  api->name = reinterpret_cast<decltype(api->name)>(dlsym(library, #name)); \
  if (api->name == nullptr) return Missing(LoadError());
  ESPY_VIPS_FUNCTIONS(ESPY_VIPS_RESOLVE)
#undef ESPY_VIPS_RESOLVE

  // libvips warns on standard error; what matters comes back as a Status.
  for (const char* domain : {"VIPS", "GLib", "GLib-GObject", "Gdk-Pixbuf", "librsvg"}) {
    api->g_log_set_handler(
        domain,
        static_cast<GLogLevelFlags>(G_LOG_LEVEL_WARNING | G_LOG_LEVEL_MESSAGE | G_LOG_LEVEL_INFO |
                                    G_LOG_LEVEL_DEBUG | G_LOG_LEVEL_CRITICAL),
        DropMessage, nullptr);
  }
  if (api->vips_init("espy") != 0) return Missing("vips_init failed");
  // Ingest decodes many pictures at once: threads inside each would only contend. An operation
  // cache would take one buffer for another that lies at the same address.
  api->vips_concurrency_set(1);
  api->vips_cache_set_max(0);
  // libvips marks loaders that were not written for hostile files. All are blocked, and every other
  // loader too, except those named here; SVG and JPEG XL are marked but wanted, and bounded by the
  // limits checked on their headers.
  api->vips_block_untrusted_set(TRUE);
  api->vips_operation_block_set("VipsForeignLoad", TRUE);
  for (const char* loader :
       {"VipsForeignLoadPng", "VipsForeignLoadWebp", "VipsForeignLoadNsgif", "VipsForeignLoadTiff",
        "VipsForeignLoadHeif", "VipsForeignLoadJxl", "VipsForeignLoadSvg"}) {
    api->vips_operation_block_set(loader, FALSE);
  }
  return Status::Ok();
}

}  // namespace

Result<const VipsApi*> GetVips() {
  struct Loaded {
    VipsApi api;
    Status status;
    Loaded() : status(Load(&api)) {}
  };
  static const Loaded loaded;
  if (!loaded.status.ok()) return loaded.status;
  return &loaded.api;
}

}  // namespace espy::imaging
