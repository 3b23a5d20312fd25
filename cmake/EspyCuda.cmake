# ESPY_CUDA: AUTO builds the GPU's kernels when nvcc is found, ON insists, OFF never does. The runtime is linked in
# statically and asks for the driver as the program starts to use it, so that one binary runs with a GPU and without.
set(ESPY_CUDA AUTO CACHE STRING "Build the CUDA kernels: AUTO, ON or OFF")
set_property(CACHE ESPY_CUDA PROPERTY STRINGS AUTO ON OFF)
# A100, H100/H200 and B200, and by PTX what comes after.
set(ESPY_CUDA_ARCHITECTURES "80-real;90a-real;100" CACHE STRING "GPU architectures, as CMAKE_CUDA_ARCHITECTURES")

set(ESPY_HAS_CUDA OFF)
# Sanitizers are for the host's code: nothing is gained by building the kernels once more.
if(ESPY_CUDA STREQUAL "ON" OR (ESPY_CUDA STREQUAL "AUTO" AND NOT ESPY_SANITIZE AND NOT ESPY_FUZZ))
  find_program(ESPY_NVCC nvcc HINTS ${CUDAToolkit_ROOT}/bin $ENV{CUDA_HOME}/bin /usr/local/cuda/bin)
  if(ESPY_NVCC)
    set(CMAKE_CUDA_COMPILER ${ESPY_NVCC})
    # Only for the compiler's check; targets have ESPY_CUDA_ARCHITECTURES.
    set(CMAKE_CUDA_ARCHITECTURES 80)
    if(ESPY_CCACHE AND NOT CMAKE_CUDA_COMPILER_LAUNCHER)
      set(CMAKE_CUDA_COMPILER_LAUNCHER ${ESPY_CCACHE})
    endif()
    enable_language(CUDA)
    # CMake 3.25 does not know of every nvcc that it has the dialect.
    if(NOT CMAKE_CUDA20_STANDARD_COMPILE_OPTION)
      set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
    endif()
    set(CMAKE_CUDA_STANDARD 20)
    set(CMAKE_CUDA_EXTENSIONS OFF)
    find_package(CUDAToolkit REQUIRED)
    set(ESPY_HAS_CUDA ON)
  elseif(ESPY_CUDA STREQUAL "ON")
    message(FATAL_ERROR "ESPY_CUDA is ON and nvcc was not found; install the CUDA toolkit, or set CUDAToolkit_ROOT")
  endif()
endif()
message(STATUS "CUDA kernels: ${ESPY_HAS_CUDA}")

# espy_cuda_library(NAME SOURCES ... LINK ...): a static library of .cu files.
function(espy_cuda_library name)
  cmake_parse_arguments(LIBRARY "" "" "SOURCES;LINK" ${ARGN})
  add_library(${name} STATIC ${LIBRARY_SOURCES})
  set_target_properties(${name} PROPERTIES CUDA_ARCHITECTURES "${ESPY_CUDA_ARCHITECTURES}")
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/include)
  target_link_libraries(${name} PUBLIC ${LIBRARY_LINK} CUDA::cudart_static)
  target_compile_options(${name} PRIVATE "$<$<COMPILE_LANGUAGE:CUDA>:--expt-relaxed-constexpr>")
  if(ESPY_WERROR)
    target_compile_options(${name} PRIVATE "$<$<COMPILE_LANGUAGE:CUDA>:-Werror=all-warnings;-Xcompiler=-Wall,-Wextra>")
  endif()
endfunction()
