"""The two views of the ASP's delivery that matter here, « Structure » and « AnnexeFinanciere »: one pass over a file.

The only place that knows the ASP's headings. No quoting and no escaping in these files: a double quote is data (ASP-17).
"""

import operator
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import BinaryIO
from zoneinfo import ZoneInfo

from contracts.vocabulary import StructureKind
from services.sync.findings import Fault, FileRefused, Reject, Remark, field_count, reject, sentence
from services.sync.lines import Lines
from services.sync.rows import (
    AnnexRow,
    Dropped,
    StructureRow,
    parse_annex,
    parse_structure,
    read_asp_id,
    read_measure,
    read_sure_measure,
)

__all__ = ["AnnexRow", "FileRefused", "Reading", "Reject", "Remark", "Report", "StructureRow", "View", "view_of"]

PARIS = ZoneInfo("Europe/Paris")


class View(StrEnum):
    """A view of the ASP's information system: one file of the delivery."""

    STRUCTURE = "Structure"
    ANNEX = "AnnexeFinanciere"


VIEWS = {view.value: view for view in View}


_ADDRESS_SUFFIXES = (
    "numero_apt", "entree", "numero", "cplt_num_voie", "type_voie", "nom_voie", "cplt_adresse", "cp", "commune", "code_insee",
    "telephone",
)  # fmt: skip
STRUCTURE_HEADING = [
    "structure_date_creation",
    "structure_date_modification",
    "structure_id_siae",
    "structure_siret_signature",
    "structure_siret_actualise",
    "structure_denomination",
    "structure_categorie_juridique_id",
    "structure_categorie_juridique_code",
    "structure_code_naf",
    "structure_idcc_id",
    "structure_idcc_code",
    *(f"structure_adresse_{use}_{suffix}" for use in ("admin", "gestion") for suffix in _ADDRESS_SUFFIXES),
    "structure_identifiant_corresp_technique",
    "structure_adresse_mail_corresp_technique",
    "structure_adresse_nom_corresp_technique",
    "structure_adresse_prenom_corresp_technique",
]
# One of them holds a space: that is how the ASP writes it.
_ANNEX_TITLES = (
    "af_id_structure|af_numero_convention|af_mesure_dispositif_id|af_mesure_dispositif_code|"
    "af_numero_annexe_financiere|af_numero_avenant_renouvellement|af_numero_avenant_modification|"
    "af_id_annexe_financiere|af_id_avenant_modification|af_date_depot_dde_financement|af_etat_annexe_financiere_id|"
    "af_etat_annexe_financiere_code|af_indicateur_suspension|af_indicateur_derogation|"
    "af_nb_effectif_total_annee_prec|af_etp_effectif_total_annee_prec|af_nb_pers_agrees_pole_emploi_iae_annee_prec|"
    "af_etp_pers_agrees_pole_emploi_iae_annee_prec|af_nb_benef_en_inser_annee_prec|af_etp_benef_en_inser_annee_prec|"
    "af_nb_sal_encadrement_tech_accomp_sociop|af_etp_encadrement_tech_accomp_sociop_annee_prec|"
    "af_nb_sal_perm_encadrement_tech_sal_insertion|af_etp_perm_encadrement_tech_sal_insertion_annee_prec|"
    "af_nb_sal_perm_acc_sociop|af_etp_perm_acc_sociop_annee_prec|af_nb_trava_non_salaries|af_etp_trava_non_salaries|"
    "af_nb_presta_ext_enca_tech_accomp_sociop_annee_prec|af_etp_presta_ext_enca_tech_accomp_sociopa_annee_prec|"
    "af_eff_nb_trav_indep_agrees_pole_emploi_eiti_annee_prec|"
    "af_eff_etp_trav_indep_agrees_pole_emploi_eiti_annee_prec|"
    "af_eff_nb_trav_indep_avec_contrat_eiti_hors_iae_annee_prec|"
    "af_eff_etp_trav_indep_avec_contrat_eiti_hors_iae_annee_prec|af_date_debut_effet|af_date_fin_effet|"
    "af_etp_postes_insertion|af_duree_heure_annuel_etp_id|af_duree_heure_annuel_etp_code|"
    "af_duree_heure_annuel_etp_valeur|af_montant_unitaire_annuel_id|af_montant_unitaire_annuel_code|"
    "af_montant_unitaire_annuel_valeur|af_montant_total_annuel|af_indic_cofinancement|af_mt_cofinance|"
    "af_id_financeur_id|af_id_financeur_code|af_mt_total_aide|af_mt_total_avance|"
    "af_indic_perimetre_milieu_penitentiaire|af_nature_action_id|af_nature_action_code|af_description_action|"
    "af_pourcentage_avance|af_montant_cofinance|af_mt_tot_masse_salariale|af_part_salaries_agrees|"
    "af_total_produits_exploit|af_date_cloture_exercice|af_part_produits_exploit_vente_presta|"
    "af_aides_subventions_comp|af_commune|af_intercomm|af_departement|af_region|af_etat|af_fse|af_plie|af_agefiph|"
    "af_autre_aide_publique|af_origine_autre_aide_publique|af_fondation|af_nb_prev_sorties|"
    "af_taux_prev_sorties_dynamiques|af_taux_prev_sorties_durable|af_taux_prev_sorties_trans|"
    "af_taux_prev_sorties_positives|af_duree_collective_hebdo|af_prec_conv_cadre_connu|af_autre_conventionnement|"
    "af_num_annexe_ei|af_num_annexe_aci|af_num_annexe_ai|af_num_annexe_etti|af_orga_conv_iae_fdi|"
    "af_nature_organisme_iae|af_indic_chrs|af_indic_organisme_formation|af_indic_autre_conv_hors_iae|"
    "af_autre_conv_hors_iae|af_indic_service_personnes|af_indic_declaration|af_indic_agrement_qualite|"
    "af_indic_portee_regionale|af_indic_fgie|af_indic_fond_terr_fr_active|af_indic_garantie_bancaire|"
    "af_indic_apport_ou_credit|af_indic_autre_garan_banc|af_indic_autres_fonds_solid|af_indic_fin_bancaire|"
    "af_nb_banques numeric|af_mt_tot_fin_obtenu|af_indic_apport_capital_risque|af_indic_apport_sifa|"
    "af_indic_apport_ides|af_indic_apport_autre|af_indic_interv_dla|af_nom_dla|af_nature_action_dla_id|"
    "af_nature_action_dla_code|icf_date_debut_action_init|af_date_etat_brouillon|af_date_etat_saisie_termine|"
    "af_date_etat_rejete|af_motif_rejet_id|af_motif_rejet_code|af_date_etat_provisoire|af_date_etat_valide|"
    "af_date_etat_historise|af_date_etat_dde_annulation|af_motif_dde_annulation_id|af_motif_dde_annulation_code|"
    "af_date_etat_annule|af_date_etat_cloture|af_date_signature|af_date_reception_asp"
)
ANNEX_HEADING = _ANNEX_TITLES.split("|")
HEADINGS = {View.STRUCTURE: STRUCTURE_HEADING, View.ANNEX: ANNEX_HEADING}

# Ours -> theirs, of the columns that are read; the management address is the one that the ASP recommends (ASP-43).
COLUMNS = {
    View.STRUCTURE: {
        "asp_id": "structure_id_siae",
        "siret": "structure_siret_actualise",
        "siret_signature": "structure_siret_signature",
        "name": "structure_denomination",
        "naf": "structure_code_naf",
        "auth_email": "structure_adresse_mail_corresp_technique",
        "extra_1": "structure_adresse_gestion_numero_apt",
        "extra_2": "structure_adresse_gestion_entree",
        "extra_3": "structure_adresse_gestion_cplt_adresse",
        "street_number": "structure_adresse_gestion_numero",
        "number_complement": "structure_adresse_gestion_cplt_num_voie",
        "street_type": "structure_adresse_gestion_type_voie",
        "street": "structure_adresse_gestion_nom_voie",
        "post_code": "structure_adresse_gestion_cp",
        "city": "structure_adresse_gestion_commune",
        "insee_code": "structure_adresse_gestion_code_insee",
        "phone": "structure_adresse_gestion_telephone",
    },
    View.ANNEX: {
        "asp_id": "af_id_structure",
        "measure": "af_mesure_dispositif_code",
        "number_prefix": "af_numero_annexe_financiere",
        "renewal": "af_numero_avenant_renouvellement",
        "amendment": "af_numero_avenant_modification",
        "state": "af_etat_annexe_financiere_code",
        "starts_on": "af_date_debut_effet",
        "ends_on": "af_date_fin_effet",
    },
}
_PARSERS = {View.STRUCTURE: parse_structure, View.ANNEX: parse_annex}
_ALWAYS_ENDS_WITH_FIN = {View.STRUCTURE}  # The public sample of the other one lacks it.
_DEB = re.compile(r"DEB([A-Za-z]+?)([0-9]{8}_[0-9]{6})\|*")
_DEB_VIEW = re.compile(r"DEB([A-Za-z]+)")
_FIN = re.compile(r"FIN([0-9]{1,12})(\|*)")
Record = StructureRow | AnnexRow | Reject | Remark


@dataclass
class Report:
    """What a file turned out to be; whole once it has been read to its end."""

    view: View
    extracted_at: datetime | None = None  # From the DEB line: the only true date of extraction.
    record_count: int = 0
    has_fin: bool = False
    ends_on_whole_line: bool = True
    counts: Counter[str] = field(default_factory=Counter)  # rows, rejects, remarks, prison, other_measure.


def view_of(first_line: str) -> View | None:
    """The view that a file holds, told by its first line, even a spoilt one; None when it is not one of the two."""
    deb = _DEB_VIEW.match(first_line)
    if deb:
        return VIEWS.get(deb[1])
    names = set(first_line.split("|"))
    return next((view for view in View if names.issuperset(COLUMNS[view].values())), None)


class Reading:
    """One pass over a file: rows, rejects and remarks in the file's order, then `report` is whole.

    Raises FileRefused, at once for what precedes the records and at the end for what their trailer tells.
    """

    def __init__(self, stream: BinaryIO, view: View, *, fin_required: bool = False) -> None:
        self.report = Report(view)
        self._view, self._fin_required = view, fin_required or view in _ALWAYS_ENDS_WITH_FIN
        self._lines = Lines(stream, f"Vue « {view} »")
        self._read_heading()

    def _read_heading(self) -> None:
        line = next(self._lines, None)
        if line is None:
            raise self._lines.refused("le fichier est vide.")
        if line.startswith("DEB"):
            self.report.extracted_at = self._extracted_at(line)
            line = next(self._lines, "")
        elif "|" not in line:
            raise self._lines.refused(f"une ligne DEB{self._view}, ou les titres des colonnes, est attendue.")
        names = [name.strip() for name in line.split("|")]
        missing = [name for name in COLUMNS[self._view].values() if names.count(name) != 1]
        if missing:
            raise self._lines.refused(f"ces colonnes manquent ou sont répétées : {', '.join(missing)}.")
        positions = {ours: names.index(theirs) for ours, theirs in COLUMNS[self._view].items()}
        self._columns = tuple(positions)
        self._values = operator.itemgetter(*positions.values())
        self._separators, self._last_position = len(names) - 1, max(positions.values())
        self._positions = positions

    def _extracted_at(self, line: str) -> datetime:
        stamp = _DEB.fullmatch(line)
        if not stamp:
            raise self._lines.refused("la ligne DEB n'est pas de la forme DEB + vue + jjmmaaaa_HHMMSS.")
        if stamp[1] != self._view:
            raise self._lines.refused(f"c'est la vue « {stamp[1]} » qui s'y trouve.")
        try:
            return datetime.strptime(stamp[2], "%d%m%Y_%H%M%S").replace(tzinfo=PARIS)
        except ValueError:
            raise self._lines.refused(f"l'horodatage {stamp[2]} de la ligne DEB n'existe pas.") from None

    def __iter__(self) -> Iterator[Record]:
        for line in self._lines:
            if line.startswith("FIN") and (fin := _FIN.fullmatch(line)):
                self._check_fin(int(fin[1]), len(fin[2]))
                return
            yield from self._read_record(line)
        self._check_without_fin()

    def _read_record(self, line: str) -> Iterator[Record]:
        number = self._lines.number
        self.report.record_count += 1
        if line.count("|") != self._separators:
            yield from self._read_misshapen(line.split("|"))
            return
        values = self._values(line.split("|", self._last_position + 1))
        cell = dict(zip(self._columns, map(str.strip, values), strict=True))
        try:
            row, oddities = _PARSERS[self._view](number, cell)
        except Fault as fault:
            yield self._reject(fault, read_asp_id(cell["asp_id"]), read_measure(cell.get("measure", "")))
            return
        self.report.counts[row if isinstance(row, Dropped) else "rows"] += 1
        if not isinstance(row, Dropped):
            yield row
            yield from (self._remark(fault, row.asp_id) for fault in oddities)

    def _read_misshapen(self, values: list[str]) -> Iterator[Reject]:
        """A record of another width: dropped all the same where it clearly is of a measure that is none of our business."""
        cell = {ours: values[position].strip() for ours, position in self._positions.items() if position < len(values)}
        measure = read_sure_measure(cell.get("measure", ""))
        if isinstance(measure, Dropped):
            self.report.counts[measure] += 1
            return
        yield self._reject(field_count(len(values), self._separators + 1), read_asp_id(cell.get("asp_id", "")), measure)

    def _reject(self, fault: Fault, asp_id: int | None, measure: StructureKind | Dropped | None) -> Reject:
        self.report.counts["rejects"] += 1
        column = fault.column and COLUMNS[self._view][fault.column]
        kind = None if isinstance(measure, Dropped) else measure
        return reject(self._lines.number, column, fault.reason, fault.value, asp_id, kind)

    def _remark(self, fault: Fault, asp_id: int) -> Remark:
        self.report.counts["remarks"] += 1
        column = fault.column and COLUMNS[self._view][fault.column]
        return Remark(self._lines.number, column, fault.reason, sentence(fault.reason, fault.value), asp_id)

    def _check_fin(self, announced: int, separators: int) -> None:
        count = self.report.record_count
        if announced != count:
            raise self._lines.refused(f"fichier tronqué ou abîmé : FIN annonce {announced} enregistrements, {count} ont été lus.")
        if separators != self._separators or not self._lines.is_whole:
            raise self._lines.refused("le fichier est tronqué : la ligne FIN est coupée.")
        if next((line for line in self._lines if line.strip()), None) is not None:
            raise self._lines.refused("il reste des données après la ligne FIN.")
        self._check_any()
        self.report.has_fin = True

    def _check_without_fin(self) -> None:
        if self._fin_required:
            raise self._lines.refused("le fichier est tronqué : la ligne FIN manque.")
        if not self._lines.is_whole and self._lines.last.count("|") != self._separators:
            raise self._lines.refused("le fichier est tronqué : sa dernière ligne est coupée.")
        self._check_any()
        self.report.ends_on_whole_line = self._lines.is_whole

    def _check_any(self) -> None:
        if not self.report.record_count:
            raise self._lines.refused("le fichier ne contient aucun enregistrement.")
