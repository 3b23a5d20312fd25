# espy_room(NAME SOURCES ... ROOMS ... PUBLIC ... PRIVATE ...)
# A room is a static library espy_NAME. ROOMS are the rooms it may include (tests/tidy checks the same table); PUBLIC
# libraries show in its headers, PRIVATE ones only in its sources.
function(espy_room name)
  cmake_parse_arguments(ROOM "" "" "SOURCES;ROOMS;PUBLIC;PRIVATE" ${ARGN})
  add_library(espy_${name} STATIC ${ROOM_SOURCES})
  target_include_directories(espy_${name} PUBLIC ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/include)
  target_compile_options(espy_${name} PRIVATE -fvisibility=hidden -fvisibility-inlines-hidden)
  foreach(room IN LISTS ROOM_ROOMS)
    target_link_libraries(espy_${name} PUBLIC espy_${room})
  endforeach()
  target_link_libraries(espy_${name} PUBLIC ${ROOM_PUBLIC} PRIVATE ${ROOM_PRIVATE})
endfunction()

# espy_test(NAME SOURCES ... LINK ... [LABELS ...]): one GoogleTest program, each of whose tests is a CTest test. The
# target core_tests builds those with the label core.
function(espy_test name)
  cmake_parse_arguments(TEST "" "" "SOURCES;LINK;LABELS" ${ARGN})
  add_executable(${name} ${TEST_SOURCES})
  target_link_libraries(${name} PRIVATE ${TEST_LINK} espy_test_support GTest::gtest_main)
  target_compile_definitions(${name} PRIVATE ESPY_SOURCE_DIR="${PROJECT_SOURCE_DIR}"
                                             ESPY_BINARY_DIR="${PROJECT_BINARY_DIR}")
  if("core" IN_LIST TEST_LABELS)
    add_dependencies(core_tests ${name})
  endif()
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 120 PROPERTIES LABELS "${TEST_LABELS}" TIMEOUT 600)
endfunction()
