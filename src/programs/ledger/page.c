/*
 * page.c - page.html, as part of the program
 *
 * The assembler takes the file in as it is: so the page is a file that a browser can
 * open, an editor knows and no build step translates. It is found through -Isrc.
 */
#include "page.h"

__asm__(".pushsection .rodata, \"a\", %progbits\n"
	".globl page_html\n"
	".hidden page_html\n"
	".type page_html, %object\n"
	".globl page_html_len\n"
	".hidden page_html_len\n"
	".type page_html_len, %object\n"
	"page_html:\n"
	"	.incbin \"programs/ledger/page.html\"\n"
	"page_html_end:\n"
	"	.byte 0\n"
	"	.size page_html, . - page_html\n"
	"	.balign 8\n"
	"page_html_len:\n"
	"	.quad page_html_end - page_html\n"
	"	.size page_html_len, 8\n"
	".popsection\n");

_Static_assert(sizeof(page_html_len) == 8, "a .quad is a size_t");
