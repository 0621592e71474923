# libbusbar, static and shared, and its installation: headers, pkg-config file, CMake package.
#
# What the library needs of src/ is compiled a second time, with -fPIC and with everything hidden but BB_API: the broker's
# own objects are faster without. One static library serves a microcontroller and a server: the linker takes from it what
# is named.

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(folders base wire topic client transport net)
set(library_sources ${PROJECT_SOURCE_DIR}/src/loop/sender_plain.c) # of loop only how one socket is written to
foreach(folder ${folders})
    file(GLOB here CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${folder}/*.c)
    list(FILTER here EXCLUDE REGEX "_(test|fuzz|bench|small)\\.c$")
    list(APPEND library_sources ${here})
endforeach()

add_library(library_objects OBJECT ${library_sources})
target_link_libraries(library_objects PRIVATE bb_common)
target_compile_options(library_objects PRIVATE -fPIC -ffunction-sections -fdata-sections)
target_include_directories(library_objects PRIVATE ${OPENSSL_INCLUDE_DIR})
set_target_properties(library_objects PROPERTIES C_VISIBILITY_PRESET hidden)

add_library(library_static STATIC $<TARGET_OBJECTS:library_objects>)
add_library(library_shared SHARED $<TARGET_OBJECTS:library_objects>)
set_target_properties(library_static PROPERTIES OUTPUT_NAME busbar EXPORT_NAME busbar_static)
set_target_properties(library_shared PROPERTIES OUTPUT_NAME busbar EXPORT_NAME busbar
    VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR})
target_link_libraries(library_shared PRIVATE bb_common)
target_link_options(library_shared PRIVATE -Wl,--gc-sections -Wl,--as-needed)
if(NOT BUSBAR_SANITIZE) # the sanitizers' functions come with the program
    target_link_options(library_shared PRIVATE -Wl,-z,defs)
endif()
foreach(library library_static library_shared)
    target_link_libraries(${library} PRIVATE OpenSSL::SSL OpenSSL::Crypto wslay Threads::Threads)
    target_include_directories(${library} INTERFACE
        $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
endforeach()

# What was installed may be moved as a whole.
file(RELATIVE_PATH to_prefix /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(${PROJECT_SOURCE_DIR}/cmake/busbar.pc.in busbar.pc @ONLY)
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/busbarConfig.cmake.in busbarConfig.cmake
    INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/busbar)
write_basic_package_version_file(busbarConfigVersion.cmake COMPATIBILITY SameMinorVersion)

install(TARGETS library_static library_shared EXPORT busbarTargets)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/busbar TYPE INCLUDE FILES_MATCHING PATTERN "*.h")
install(FILES ${PROJECT_BINARY_DIR}/busbar.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
install(EXPORT busbarTargets NAMESPACE busbar:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/busbar)
install(FILES ${PROJECT_BINARY_DIR}/busbarConfig.cmake ${PROJECT_BINARY_DIR}/busbarConfigVersion.cmake
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/busbar)

# The examples, and the program with which tests drive the library.
add_custom_target(library_programs)
foreach(source examples/publish.c examples/subscribe.c tests/library/probe.c)
    get_filename_component(name ${source} NAME_WE)
    add_executable(library_${name} ${source})
    target_link_libraries(library_${name} PRIVATE library_static bb_options)
    set_target_properties(library_${name} PROPERTIES OUTPUT_NAME ${name} RUNTIME_OUTPUT_DIRECTORY library)
    add_dependencies(library_programs library_${name})
endforeach()

# The example for microcontrollers, on a board that this computer plays.
add_executable(library_bare_metal examples/bare_metal/main.c examples/bare_metal/options_qos1.c
    examples/bare_metal/board_host.c)
target_link_libraries(library_bare_metal PRIVATE library_static bb_options)
set_target_properties(library_bare_metal PROPERTIES OUTPUT_NAME bare_metal RUNTIME_OUTPUT_DIRECTORY library)
add_dependencies(library_programs library_bare_metal)
