# What `cmake --install` puts where: the program, the library with its headers and CMake files, the bundled model, the
# manual page and the shells' completions. The tree can be moved: the program finds the library, and the library the
# models, relative to where they lie.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

file(RELATIVE_PATH ESPY_LIBRARY_FROM_PROGRAM ${CMAKE_INSTALL_FULL_BINDIR} ${CMAKE_INSTALL_FULL_LIBDIR})
set_target_properties(espy_cli PROPERTIES INSTALL_RPATH "$ORIGIN/${ESPY_LIBRARY_FROM_PROGRAM}")
install(TARGETS espy_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
# Parquet in and out, through pyarrow where that is there.
install(PROGRAMS ${PROJECT_SOURCE_DIR}/tools/espy-parquet DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS espy_library EXPORT EspyTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/espy DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")

set(ESPY_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/Espy)
install(EXPORT EspyTargets NAMESPACE Espy:: DESTINATION ${ESPY_CMAKE_DIR})
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/EspyConfig.cmake.in ${PROJECT_BINARY_DIR}/EspyConfig.cmake
                              INSTALL_DESTINATION ${ESPY_CMAKE_DIR})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/EspyConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/EspyConfig.cmake ${PROJECT_BINARY_DIR}/EspyConfigVersion.cmake
        DESTINATION ${ESPY_CMAKE_DIR})

install(DIRECTORY ${PROJECT_SOURCE_DIR}/models/espy-mini ${PROJECT_SOURCE_DIR}/models/espy-mini-caption
        DESTINATION ${CMAKE_INSTALL_DATADIR}/espy/models)
install(FILES ${PROJECT_SOURCE_DIR}/docs/man/espy.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE ${PROJECT_SOURCE_DIR}/README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})

# The program writes its own completions; one that was built for another machine cannot, and goes without.
if(NOT CMAKE_CROSSCOMPILING)
  set(ESPY_COMPLETIONS ${PROJECT_BINARY_DIR}/completions)
  file(MAKE_DIRECTORY ${ESPY_COMPLETIONS})
  foreach(shell IN ITEMS bash zsh fish)
    install(CODE "execute_process(COMMAND \"$<TARGET_FILE:espy_cli>\" completion ${shell}
                                  OUTPUT_FILE \"${ESPY_COMPLETIONS}/espy.${shell}\" COMMAND_ERROR_IS_FATAL ANY)")
  endforeach()
  install(FILES ${ESPY_COMPLETIONS}/espy.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME espy)
  install(FILES ${ESPY_COMPLETIONS}/espy.zsh DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions RENAME _espy)
  install(FILES ${ESPY_COMPLETIONS}/espy.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
endif()
