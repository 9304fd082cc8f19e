# Writes the files of ASSETS (NAME=PATH;...) as C arrays: cmake -DASSETS=... -DOUT=FILE.c -P embed.cmake
set(text "/* Made by cmake/embed.cmake. */\n#include \"report/assets.h\"\n")
foreach(entry IN LISTS ASSETS)
  string(REGEX MATCH "^[^=]*" name "${entry}")
  string(REGEX REPLACE "^[^=]*=" "" path "${entry}")
  file(READ "${path}" bytes HEX)
  string(REGEX REPLACE "2f(2f|2a)2320736f757263654d617070696e6755524c.*$" "" bytes "${bytes}") # "//# sourceMappingURL"
  string(LENGTH "${bytes}" digits)
  math(EXPR size "${digits} / 2")
  string(REGEX REPLACE "(................................................)" "\\1\n" bytes "${bytes}")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
  string(APPEND text
    "static const unsigned char bytes_of_${name}[${size}] = {\n${bytes}};\n"
    "const asset asset_${name} = {bytes_of_${name}, ${size}};\n")
endforeach()
file(WRITE "${OUT}" "${text}")
