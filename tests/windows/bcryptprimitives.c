/*
 * bcryptprimitives.c - a library of Windows that Go programs load, and wine 8 has not got
 */
#include <windows.h>

#include <ntsecapi.h>

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE out, SIZE_T size) {
    return RtlGenRandom(out, (ULONG)size);
}
