# Warnings, sanitizers and defines that every target of the project shares.

add_library(bb_options INTERFACE)
target_include_directories(bb_options INTERFACE ${PROJECT_SOURCE_DIR}/src)
target_compile_definitions(bb_options INTERFACE _GNU_SOURCE)
target_compile_options(bb_options INTERFACE
    -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wwrite-strings -Wundef
    -Wvla -Wformat=2 -Wno-unused-parameter -fno-strict-aliasing -fno-omit-frame-pointer)
if(BUSBAR_WERROR)
    target_compile_options(bb_options INTERFACE -Werror)
endif()
if(BUSBAR_SLOW_CHECKS)
    target_compile_definitions(bb_options INTERFACE BB_SLOW_CHECKS)
endif()
if(BUSBAR_SANITIZE)
    target_compile_options(bb_options INTERFACE -fsanitize=${BUSBAR_SANITIZE} -fno-sanitize-recover=all)
    target_link_options(bb_options INTERFACE -fsanitize=${BUSBAR_SANITIZE})
endif()
if(BUSBAR_FUZZ)
    target_compile_options(bb_options INTERFACE -fsanitize=fuzzer-no-link)
endif()
