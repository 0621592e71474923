# Manual pages and completion scripts: busbar prints them from its own tables, so they say what the program does.

include(GNUInstallDirs)

set(pages ${PROJECT_BINARY_DIR}/pages)
set(stamp ${pages}/.made)
add_custom_command(OUTPUT ${stamp}
    COMMAND ${CMAKE_COMMAND} -E rm -rf ${pages}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${pages}/man ${pages}/bash ${pages}/zsh ${pages}/fish
    COMMAND $<TARGET_FILE:busbar> manual --folder ${pages}/man
    COMMAND $<TARGET_FILE:busbar> completion bash > ${pages}/bash/busbar
    COMMAND $<TARGET_FILE:busbar> completion zsh > ${pages}/zsh/_busbar
    COMMAND $<TARGET_FILE:busbar> completion fish > ${pages}/fish/busbar.fish
    COMMAND ${CMAKE_COMMAND} -E touch ${stamp}
    DEPENDS busbar
    COMMENT "Making the manual pages and completions of busbar"
    VERBATIM)
add_custom_target(tool_pages ALL DEPENDS ${stamp})

install(DIRECTORY ${pages}/man/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(DIRECTORY ${pages}/bash/ DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(DIRECTORY ${pages}/zsh/ DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions)
install(DIRECTORY ${pages}/fish/ DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
