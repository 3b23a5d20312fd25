# cmake -D ESPY_BUILD=... -D ESPY_SOURCE=... -D CXX=... -D GENERATOR=... -P find_package.cmake
cmake_minimum_required(VERSION 3.25)
set(work ${ESPY_BUILD}/install-test)
set(prefix ${work}/prefix)
set(moved ${work}/moved)
file(REMOVE_RECURSE ${work})

function(run what)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE code OUTPUT_VARIABLE out ERROR_VARIABLE err)
  if(NOT code EQUAL 0)
    message(FATAL_ERROR "${what}: exit code ${code}\n${out}\n${err}")
  endif()
  set(out "${out}" PARENT_SCOPE)
endfunction()

function(expect_file path)
  if(NOT EXISTS ${path})
    message(FATAL_ERROR "not installed: ${path}")
  endif()
endfunction()

run("install" ${CMAKE_COMMAND} --install ${ESPY_BUILD} --prefix ${prefix})
foreach(path IN ITEMS bin/espy include/espy/library.h share/espy/models/espy-mini/model.safetensors
                      share/man/man1/espy.1 share/bash-completion/completions/espy share/zsh/site-functions/_espy
                      share/fish/vendor_completions.d/espy.fish)
  expect_file(${prefix}/${path})
endforeach()

# An installed tree may be moved whole.
file(RENAME ${prefix} ${moved})

# $ESPY_MODELS and the user's own models must not stand in for what was installed.
set(clean ${CMAKE_COMMAND} -E env --unset=ESPY_MODELS --unset=ESPY_LIBRARY HOME=${work} XDG_DATA_HOME=${work}/data)
run("the moved program" ${clean} ${moved}/bin/espy model list --json)
if(NOT out MATCHES "\"directory\":\"${moved}/")
  message(FATAL_ERROR "the installed program does not find the installed model:\n${out}")
endif()

# With the generator that built Espy: a machine need not have CMake's default one.
run("configure" ${CMAKE_COMMAND} -G ${GENERATOR} -S ${ESPY_SOURCE}/tests/install/consumer -B ${work}/consumer
    -D CMAKE_PREFIX_PATH=${moved} -D CMAKE_CXX_COMPILER=${CXX} -D CMAKE_BUILD_TYPE=Debug)
run("build" ${CMAKE_COMMAND} --build ${work}/consumer)
run("run" ${clean} ${work}/consumer/ask ${work}/pictures.espy ${ESPY_SOURCE}/tests/install/pictures "red")
if(NOT out MATCHES "^[-0-9.]+ [^\n]*/(red|blue|green)\\.png\n")
  message(FATAL_ERROR "the outside program's answer is not one of the three pictures:\n${out}")
endif()
file(REMOVE_RECURSE ${work})
