# What Espy is built from, all from the distribution; README.md lists the packages.
find_package(Threads REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(VIPS REQUIRED IMPORTED_TARGET vips>=8.13)
pkg_check_modules(TURBOJPEG REQUIRED IMPORTED_TARGET libjpeg)
pkg_check_modules(LCMS2 REQUIRED IMPORTED_TARGET lcms2)
pkg_check_modules(SENTENCEPIECE REQUIRED IMPORTED_TARGET sentencepiece)
pkg_check_modules(ICU REQUIRED IMPORTED_TARGET icu-uc)
find_package(nlohmann_json 3.10 REQUIRED)
# Debian's dnnl-config.cmake asks for OpenCL, which the CPU engine does not need: find the library itself.
find_library(ESPY_DNNL_LIBRARY dnnl REQUIRED)
find_path(ESPY_DNNL_INCLUDE oneapi/dnnl/dnnl.hpp REQUIRED)
add_library(dnnl_cpu UNKNOWN IMPORTED)
set_target_properties(dnnl_cpu PROPERTIES IMPORTED_LOCATION ${ESPY_DNNL_LIBRARY}
                                          INTERFACE_INCLUDE_DIRECTORIES ${ESPY_DNNL_INCLUDE})

if(NOT ESPY_ENCODERS_ONLY)
  find_package(RocksDB REQUIRED)
  find_package(OpenMP REQUIRED)
  # Debian's FAISS ships no CMake files; newer ones do.
  find_package(faiss QUIET)
  if(NOT TARGET faiss)
    find_library(ESPY_FAISS_LIBRARY faiss REQUIRED)
    find_path(ESPY_FAISS_INCLUDE faiss/Index.h REQUIRED)
    add_library(faiss UNKNOWN IMPORTED)
    set_target_properties(faiss PROPERTIES IMPORTED_LOCATION ${ESPY_FAISS_LIBRARY}
                                           INTERFACE_INCLUDE_DIRECTORIES ${ESPY_FAISS_INCLUDE})
  endif()
  find_package(CLI11 REQUIRED)
  pkg_check_modules(CHAFA IMPORTED_TARGET chafa)
  pkg_check_modules(ARCHIVE REQUIRED IMPORTED_TARGET libarchive)
  pkg_check_modules(CURL REQUIRED IMPORTED_TARGET libcurl)
endif()
