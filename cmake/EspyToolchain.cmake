# Compiler settings for every target: warnings, sanitizers, ccache, a fast linker when there is one.
find_program(ESPY_CCACHE ccache)
if(ESPY_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${ESPY_CCACHE})
endif()

# nvcc has words of its own: EspyCuda.cmake.
add_compile_options("$<$<COMPILE_LANGUAGE:CXX>:-Wall;-Wextra;-Wshadow;-Wnon-virtual-dtor;-Wno-missing-field-initializers>")
# g++ 12 sees overlapping copies in "text" + string (GCC bug 105651).
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  add_compile_options("$<$<COMPILE_LANGUAGE:CXX>:-Wno-restrict>")
endif()
if(ESPY_WERROR)
  add_compile_options("$<$<COMPILE_LANGUAGE:CXX>:-Werror>")
endif()

# Objects are for any x86-64 (or arm64): a kernel that wants more names its own instruction set, and is chosen at run time.
add_compile_options("$<$<COMPILE_LANGUAGE:CXX>:-fno-math-errno;-ffp-contract=off>")

if(ESPY_SANITIZE)
  add_compile_options("$<$<COMPILE_LANGUAGE:CXX>:-fsanitize=${ESPY_SANITIZE};-fno-omit-frame-pointer;-fno-sanitize-recover=all>")
  add_link_options(-fsanitize=${ESPY_SANITIZE})
endif()
if(ESPY_FUZZ)
  add_compile_options("$<$<COMPILE_LANGUAGE:CXX>:-fsanitize=fuzzer-no-link>")
endif()

find_program(ESPY_MOLD mold)
if(ESPY_MOLD AND NOT ESPY_SANITIZE AND NOT ESPY_FUZZ)
  add_link_options(-fuse-ld=mold)
endif()
