"""What the labels of language models mean: a language by ISO 639-3, a script by ISO 15924.

The names are those that FineWeb-2's subsets have (huggingface/fineweb-2, `configs/`), which are
the labels of GlotLID v3 (cisnlp/GlotLID, `languages-v3.md`). Three sets of labels lead there:

- GlotLID's: as they are.
- Those of OpenLID and FLORES-200, and of GlotLID's earlier versions, have the same form but
  some name a macro-language or a variety of a script: `zho_Hans` is `cmn_Hani`.
- lid.176's, which are the codes of the Wikipedias that it was trained on, so `als` is Alemannic
  (`gsw`), `bh` Bhojpuri and `ku` Kurmanji, and ISO 639-1 otherwise. Script and individual
  language are those of datatrove's `tokenizer_assignment.csv` (columns `default_script` and
  `default_code_1`), but for those Wikipedias, and for Quechua and Serbo-Croatian, which stay
  macro-languages because the label says no more.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from filters.errors import UsageError, nearest


@dataclass(frozen=True, order=True, slots=True)
class Language:
    """A language in a script, for example French in Latin letters."""

    code: str
    """ISO 639-3, such as `fra`."""
    script: str
    """ISO 15924, such as `Latn`."""

    def __str__(self) -> str:
        return f"{self.code}_{self.script}"

    @property
    def short(self) -> str:
        """ISO 639-1 where the language has such a code (or its macro-language), else ISO 639-3."""
        return _short_codes().get(self.code, self.code)


UNDETERMINED = Language("und", "Zyyy")
"""Of a page of which no language is known: both codes are the standards' own for that."""

_FORM = re.compile(r"([a-z]{3})_([A-Z][a-z]{3})")
_INDIVIDUAL = {
    "ara": "arb", "aze": "azj", "est": "ekk", "grn": "gug", "lav": "lvs", "mlg": "plt",
    "mon": "khk", "msa": "zsm", "nep": "npi", "nor": "nob", "ori": "ory", "orm": "gaz",
    "pes": "fas", "prs": "fas", "pus": "pbt", "sqi": "als", "swa": "swh", "tgl": "fil",
    "uzb": "uzn", "yid": "ydd", "zho": "cmn",
}  # fmt: skip
"""What GlotLID v3 and FineWeb-2 call a language that others name by another code."""
_SCRIPTS = {"Hans": "Hani", "Hant": "Hani"}
_LABELS = {
    "aze_Arab": "azb_Arab", "kur_Arab": "ckb_Arab", "kur_Latn": "kmr_Latn", "msa_Thai": "mfa_Thai",
    "uzb_Arab": "uzs_Arab", "zxx_Zxxx": "zxx_Zzzz",
}  # fmt: skip
"""Where the script decides which individual language a macro-language's label means."""

_LID_176 = """
af:afr_Latn als:gsw_Latn am:amh_Ethi an:arg_Latn ar:arb_Arab arz:arz_Arab as:asm_Beng ast:ast_Latn
av:ava_Cyrl az:azj_Latn azb:azb_Arab ba:bak_Cyrl bar:bar_Latn bcl:bcl_Latn be:bel_Cyrl bg:bul_Cyrl
bh:bho_Deva bn:ben_Beng bo:bod_Tibt bpy:bpy_Beng br:bre_Latn bs:bos_Latn bxr:bxr_Cyrl ca:cat_Latn
cbk:cbk_Latn ce:che_Cyrl ceb:ceb_Latn ckb:ckb_Arab co:cos_Latn cs:ces_Latn cv:chv_Cyrl cy:cym_Latn
da:dan_Latn de:deu_Latn diq:diq_Latn dsb:dsb_Latn dty:dty_Deva dv:div_Thaa el:ell_Grek eml:eml_Latn
en:eng_Latn eo:epo_Latn es:spa_Latn et:ekk_Latn eu:eus_Latn fa:fas_Arab fi:fin_Latn fr:fra_Latn
frr:frr_Latn fy:fry_Latn ga:gle_Latn gd:gla_Latn gl:glg_Latn gn:gug_Latn gom:gom_Deva gu:guj_Gujr
gv:glv_Latn he:heb_Hebr hi:hin_Deva hif:hif_Latn hr:hrv_Latn hsb:hsb_Latn ht:hat_Latn hu:hun_Latn
hy:hye_Armn ia:ina_Latn id:ind_Latn ie:ile_Latn ilo:ilo_Latn io:ido_Latn is:isl_Latn it:ita_Latn
ja:jpn_Jpan jbo:jbo_Latn jv:jav_Latn ka:kat_Geor kk:kaz_Cyrl km:khm_Khmr kn:kan_Knda ko:kor_Hang
krc:krc_Cyrl ku:kmr_Latn kv:kpv_Cyrl kw:cor_Latn ky:kir_Cyrl la:lat_Latn lb:ltz_Latn lez:lez_Cyrl
li:lim_Latn lmo:lmo_Latn lo:lao_Laoo lrc:lrc_Arab lt:lit_Latn lv:lvs_Latn mai:mai_Deva mg:plt_Latn
mhr:mhr_Cyrl min:min_Latn mk:mkd_Cyrl ml:mal_Mlym mn:khk_Cyrl mr:mar_Deva mrj:mrj_Cyrl ms:zsm_Latn
mt:mlt_Latn mwl:mwl_Latn my:mya_Mymr myv:myv_Cyrl mzn:mzn_Arab nah:nah_Latn nap:nap_Latn
nds:nds_Latn ne:npi_Deva new:new_Deva nl:nld_Latn nn:nno_Latn no:nob_Latn oc:oci_Latn or:ory_Orya
os:oss_Cyrl pa:pan_Guru pam:pam_Latn pfl:pfl_Latn pl:pol_Latn pms:pms_Latn pnb:pnb_Arab ps:pbt_Arab
pt:por_Latn qu:que_Latn rm:roh_Latn ro:ron_Latn ru:rus_Cyrl rue:rue_Cyrl sa:san_Deva sah:sah_Cyrl
sc:srd_Latn scn:scn_Latn sco:sco_Latn sd:snd_Arab sh:hbs_Latn si:sin_Sinh sk:slk_Latn sl:slv_Latn
so:som_Latn sq:als_Latn sr:srp_Cyrl su:sun_Latn sv:swe_Latn sw:swh_Latn ta:tam_Taml te:tel_Telu
tg:tgk_Cyrl th:tha_Thai tk:tuk_Latn tl:fil_Latn tr:tur_Latn tt:tat_Cyrl tyv:tyv_Cyrl ug:uig_Arab
uk:ukr_Cyrl ur:urd_Arab uz:uzn_Latn vec:vec_Latn vep:vep_Latn vi:vie_Latn vls:vls_Latn vo:vol_Latn
wa:wln_Latn war:war_Latn wuu:wuu_Hani xal:xal_Cyrl xmf:xmf_Geor yi:ydd_Hebr yo:yor_Latn
yue:yue_Hani zh:cmn_Hani
"""
_OTHER_TWO_LETTERS = """
ak:aka_Latn ay:ayr_Latn bi:bis_Latn bm:bam_Latn ch:cha_Latn dz:dzo_Tibt ee:ewe_Latn ff:fuv_Latn
fj:fij_Latn fo:fao_Latn ha:hau_Latn ho:hmo_Latn hz:her_Latn ig:ibo_Latn ki:kik_Latn kj:kua_Latn
kl:kal_Latn lg:lug_Latn ln:lin_Latn lu:lub_Latn mh:mah_Latn mi:mri_Latn nb:nob_Latn nd:nde_Latn
ng:ndo_Latn nr:nbl_Latn nv:nav_Latn ny:nya_Latn om:gaz_Latn rn:run_Latn rw:kin_Latn se:sme_Latn
sg:sag_Latn sm:smo_Latn sn:sna_Latn ss:ssw_Latn st:sot_Latn ti:tir_Ethi tn:tsn_Latn to:ton_Latn
ts:tso_Latn tw:twi_Latn ty:tah_Latn ve:ven_Latn wo:wol_Latn xh:xho_Latn zu:zul_Latn
"""
"""ISO 639-1 beyond lid.176's, for the labels of inputs that others have made."""


def lid_176_labels() -> list[str]:
    """Return the labels of fastText's lid.176, in order."""
    return [label for label, _ in _pairs(_LID_176)]


def find_language(label: str) -> Language | None:
    """Return what a label of a language model means; `UNDETERMINED` for an empty one.

    None for a label of none of the sets that are known here.
    """
    if not label:
        return UNDETERMINED
    parts = _FORM.fullmatch(_short_labels().get(label, _LABELS.get(label, label)))
    if parts is None:
        return None
    code, script = parts.groups()
    return Language(_INDIVIDUAL.get(code, code), _SCRIPTS.get(script, script))


def language_of(label: str) -> Language:
    """Return what a label of a language model means; UsageError for one that is not known."""
    found = find_language(label)
    if found is not None:
        return found
    close = None if "_" in label else nearest(label, _short_labels())
    meant = f"Did you mean '{close}'?  " if close else ""
    raise UsageError(
        f"Language label {label!r}: no label of lid.176, GlotLID or OpenLID is written like that.\n"
        f"  {meant}In full it is ISO 639-3 and ISO 15924: fra_Latn."
    )


@cache
def _short_labels() -> dict[str, str]:
    return dict(_pairs(_OTHER_TWO_LETTERS)) | dict(_pairs(_LID_176))


@cache
def _short_codes() -> dict[str, str]:
    """Return ISO 639-1 by ISO 639-3, without labels that ISO 639-1 has not or has withdrawn.

    ISO 639-3 has withdrawn `eml`, too, for Emilian and Romagnol; the Hub knows the former.
    """
    pairs = {label: name for label, name in _short_labels().items() if len(label) == 2}  # noqa: PLR2004
    for label in ("bh", "no", "sh", "tl"):
        del pairs[label]
    return {name[:3]: label for label, name in pairs.items()} | {"eml": "egl"}


def _pairs(table: str) -> Iterator[tuple[str, str]]:
    for entry in table.split():
        label, _, name = entry.partition(":")
        yield label, name
